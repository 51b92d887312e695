# Bugle as a container: one binary, not root, everything it writes in /data. The root file system may be read-only.
FROM rust:1-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY migrations migrations
COPY templates templates
RUN cargo build --release --locked --bin bugle

FROM debian:bookworm-slim
# Nothing is installed: the binary brings its own certificate authorities and time zones.
RUN groupadd --gid 10001 bugle \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin bugle \
    && install -d -o 10001 -g 10001 -m 0750 /data \
    && install -d /etc/bugle
COPY --from=build /build/target/release/bugle /usr/local/bin/bugle
ENV BUGLE_CONFIG=/etc/bugle/bugle.toml
# Relative paths of the config are relative to here, so the sample's sqlite:data/bugle.db lies in the volume.
WORKDIR /
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=8s --start-period=20s --retries=3 CMD ["bugle", "health"]
ENTRYPOINT ["bugle"]
CMD ["run"]
