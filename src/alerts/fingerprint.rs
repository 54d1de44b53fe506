//! The short name of a label set, as Prometheus and Alertmanager make it.

use super::alert::Labels;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;
/// Stands between names and values; no valid UTF-8 text holds it.
const SEPARATOR: u8 = 0xff;

/// Sixteen hex digits: FNV-1a, 64 bit, over names and values in name order (Prometheus' `LabelSet.Fingerprint`).
#[must_use]
pub fn fingerprint(labels: &Labels) -> String {
    let mut hash = OFFSET;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    };
    for (name, value) in labels {
        eat(name.as_bytes());
        eat(&[SEPARATOR]);
        eat(value.as_bytes());
        eat(&[SEPARATOR]);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_prometheus_own() {
        // The empty set's value stands in prometheus/common's source as the FNV offset.
        assert_eq!(fingerprint(&Labels::new()), "cbf29ce484222325");
        let labels = Labels::from([("a".into(), "b".into())]);
        let other = Labels::from([("a".into(), "c".into())]);
        assert_ne!(fingerprint(&labels), fingerprint(&other));
    }
}
