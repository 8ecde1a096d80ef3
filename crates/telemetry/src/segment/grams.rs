//! Which terms a block may hold: a Bloom filter over parts of its payloads.
//!
//! A search term is any substring, so whole words cannot be indexed. Instead the filter holds
//! every three bytes in a row, and a winnowed choice of every five: of each four neighbouring
//! five-byte parts the one with the least hash. Whatever contains a term of eight bytes or more
//! contains the same choices, and five bytes are rare enough to tell random ids apart.

/// Length of the parts of which all are kept.
const SHORT: usize = 3;
/// Length of the parts of which some are kept.
const LONG: usize = 5;
/// How many neighbours one long part is chosen from.
const WINDOW: usize = 4;
/// JSON's way to write a character by number. It is kept though it is short: what a JSON text is
/// sure to hold, it holds unless it has one of these.
const ESCAPE: &[u8] = b"\\u";
/// The largest filter, in bits: 32 KiB.
const MAX_BITS: usize = 1 << 18;
/// The smallest filter, in bits.
const MIN_BITS: usize = 1 << 9;

/// Spreads a part's bytes over 64 bits.
fn hash(part: &[u8]) -> u64 {
    let mut word = part.len() as u64;
    for &byte in part {
        word = (word << 8) | u64::from(byte);
    }
    let mut mixed = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}

/// Gives the chosen long parts of `text` to `each`; none when it is shorter than a whole window.
fn winnow(text: &[u8], mut each: impl FnMut(u64)) {
    let mut ring = [0u64; WINDOW];
    let mut chosen = usize::MAX;
    for (at, part) in text.windows(LONG).enumerate() {
        ring[at % WINDOW] = hash(part);
        if at + 1 < WINDOW {
            continue;
        }
        let first = at + 1 - WINDOW;
        let least = (first..=at).min_by_key(|&i| (ring[i % WINDOW], i)).expect("a window is not empty");
        if least != chosen {
            chosen = least;
            each(ring[least % WINDOW]);
        }
    }
}

/// The parts that a text containing `term` is sure to have in its filter; none for short terms.
pub(crate) fn parts_of_term(term: &[u8]) -> Vec<u64> {
    let mut parts = Vec::new();
    if term == ESCAPE {
        parts.push(hash(ESCAPE));
    } else if term.len() >= LONG + WINDOW - 1 {
        winnow(term, |part| parts.push(part));
    } else {
        parts.extend(term.windows(SHORT).map(hash));
    }
    parts
}

/// A Bloom filter with two probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TermFilter {
    words: Vec<u64>,
}

impl TermFilter {
    /// An empty filter of the largest size.
    pub(crate) fn new() -> Self {
        TermFilter { words: vec![0; MAX_BITS / 64] }
    }

    /// Adds the parts of one payload.
    pub(crate) fn add(&mut self, payload: &[u8]) {
        for part in payload.windows(SHORT) {
            self.insert(hash(part));
        }
        winnow(payload, |part| self.insert(part));
        if payload.windows(ESCAPE.len()).any(|part| part == ESCAPE) {
            self.insert(hash(ESCAPE));
        }
    }

    fn insert(&mut self, part: u64) {
        for bit in self.probes(part) {
            self.words[bit / 64] |= 1 << (bit % 64);
        }
    }

    fn probes(&self, part: u64) -> [usize; 2] {
        let mask = self.words.len() * 64 - 1;
        [part as usize & mask, (part >> 32) as usize & mask]
    }

    /// Whether every one of `parts` may be in the filter.
    pub(crate) fn may_contain(&self, parts: &[u64]) -> bool {
        parts.iter().all(|&part| {
            self.probes(part).into_iter().all(|bit| self.words[bit / 64] & (1 << (bit % 64)) != 0)
        })
    }

    /// Halves the filter while it stays sparse. The probes' low bits stay valid: the halves are joined.
    pub(crate) fn shrink(&mut self) {
        while self.words.len() * 64 > MIN_BITS {
            let (low, high) = self.words.split_at(self.words.len() / 2);
            let joined: Vec<u64> = low.iter().zip(high).map(|(a, b)| a | b).collect();
            let set: u32 = joined.iter().map(|w| w.count_ones()).sum();
            if set as usize * 5 > joined.len() * 64 * 2 {
                return;
            }
            self.words = joined;
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reads a stored filter; none when its size is no filter's.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bits = bytes.len() * 8;
        if !bits.is_power_of_two() || !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return None;
        }
        let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("chunks of eight"));
        Some(TermFilter { words: bytes.chunks_exact(8).map(word).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_contained_term_is_ever_denied(
            before in "[a-f0-9 ]{0,40}", term in "[a-f0-9]{1,20}", after in "[a-f0-9 ]{0,40}",
        ) {
            let mut filter = TermFilter::new();
            filter.add(format!("{before}{term}{after}").as_bytes());
            filter.shrink();
            let read = TermFilter::from_bytes(&filter.to_bytes()).unwrap();
            prop_assert!(read.may_contain(&parts_of_term(term.as_bytes())));
        }
    }

    #[test]
    fn most_absent_terms_are_denied() {
        let mut filter = TermFilter::new();
        for n in 0u64..2_000 {
            filter.add(format!("GET /item/{:016x} 200", hash(&n.to_le_bytes())).as_bytes());
        }
        filter.shrink();
        let absent = (10_000u64..11_000).map(|n| format!("{:016x}", hash(&n.to_le_bytes())));
        let passed = absent.filter(|t| filter.may_contain(&parts_of_term(t.as_bytes()))).count();
        assert!(passed < 20, "{passed} of 1000 absent terms pass");
        assert!(!filter.may_contain(&parts_of_term(b"PANIC")));
        assert!(!filter.may_contain(&parts_of_term(ESCAPE)));
        filter.add(br#"{"a":"\u0041"}"#);
        assert!(filter.may_contain(&parts_of_term(ESCAPE)));
    }
}
