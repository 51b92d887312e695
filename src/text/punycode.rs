//! How long a label of a host name is in its ASCII spelling (RFC 3492). The spelling itself is needed nowhere.

/// Characters of one label of a host name, in its ASCII spelling. Source: RFC 1035.
pub(super) const MAX_LABEL: usize = 63;

/// Characters of a label in its ASCII spelling (RFC 3492); only the length is needed.
pub(super) fn ascii_len(label: &str) -> usize {
    if label.is_ascii() {
        return label.len();
    }
    let mut points: Vec<u32> = label.chars().map(u32::from).collect();
    let total = points.len();
    if total > MAX_LABEL {
        return total;
    }
    let basic = points.iter().filter(|&&p| p < 0x80).count();
    let mut len = 4 + basic + usize::from(basic > 0);
    let (mut n, mut delta, mut bias, mut done) = (0x80_u32, 0_u32, 72_u32, basic as u32);
    let all = std::mem::take(&mut points);
    while (done as usize) < total {
        let Some(next) = all.iter().copied().filter(|&p| p >= n).min() else { break };
        delta = delta.saturating_add((next - n).saturating_mul(done + 1));
        n = next;
        for &p in &all {
            if p < n {
                delta = delta.saturating_add(1);
            } else if p == n {
                let (mut q, mut k) = (delta, 36);
                loop {
                    let t = if k <= bias { 1 } else { (k - bias).min(26) };
                    len += 1;
                    if q < t {
                        break;
                    }
                    q = (q - t) / (36 - t);
                    k += 36;
                }
                bias = adapt(delta, done + 1, done as usize == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.saturating_add(1);
        n += 1;
    }
    len
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ascii_spelling_has_the_right_length() {
        for (label, want) in
            [("bücher", "xn--bcher-kva"), ("日本語", "xn--wgv71a119e"), ("abc", "abc"), ("рф", "xn--p1ai")]
        {
            assert_eq!(ascii_len(label), want.len(), "{label}");
        }
    }
}
