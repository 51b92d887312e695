#!/usr/bin/env bash
# Stands before rustc (RUSTC_WRAPPER): Bugle and the targets are compiled so that the fuzzer sees which way they take;
# the libraries are left as every other build has them, and are not built again.
case " $* " in
*" --crate-name bugle "* | *" fuzz/targets/"* | *" targets/"*)
    exec "$@" -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
        -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
        -C llvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing
    ;;
*) exec "$@" ;;
esac
