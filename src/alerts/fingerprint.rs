//! The short name of a label set, as Prometheus and Alertmanager make it.

use super::alert::Labels;

const OFFSET: u64 = 14_695_981_039_346_656_037;
const PRIME: u64 = 1_099_511_628_211;
/// Never part of valid UTF-8, so `a=bc` and `ab=c` differ.
const SEPARATOR: u8 = 255;

/// An alert's name for machines: FNV-1a (64 bits) over names and values in name order, 16 hex digits.
///
/// Source: `LabelSet.Fingerprint` of prometheus/common, so that links and API answers agree with the tools around.
#[must_use]
pub fn fingerprint(labels: &Labels) -> String {
    let mut hash = OFFSET;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    for (name, value) in labels {
        name.bytes().for_each(&mut add);
        add(SEPARATOR);
        value.bytes().for_each(&mut add);
        add(SEPARATOR);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn is_the_hash_prometheus_computes() {
        // The values of prometheus/common, model/signature_test.go.
        assert_eq!(fingerprint(&Labels::new()), format!("{:016x}", 14_695_981_039_346_656_037_u64));
        let two = labels(&[("name", "garland, briggs"), ("fear", "love is not enough")]);
        assert_eq!(fingerprint(&two), format!("{:016x}", 5_799_056_148_416_392_346_u64));
    }

    #[test]
    fn tells_a_shifted_border_apart() {
        assert_ne!(fingerprint(&labels(&[("a", "bc")])), fingerprint(&labels(&[("ab", "c")])));
    }
}
