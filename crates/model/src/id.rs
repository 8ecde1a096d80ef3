//! Where ids come from. Randomness is an argument: the `server` crate gives the
//! system's, `sim` and tests give a seeded source.

/// A source of random bytes from which ids are made.
pub trait IdSource: Send {
    /// Fills `bytes` with random bytes.
    fn fill(&mut self, bytes: &mut [u8]);

    /// 32 lower-case hexadecimal digits: the id of a task or a container instance.
    fn hex32(&mut self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        hex(&bytes)
    }

    /// `count` lower-case hexadecimal digits, as in `eni-0123456789abcdef0` (17). At most 64.
    fn hex(&mut self, count: usize) -> String {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        let mut text = hex(&bytes);
        text.truncate(count);
        text
    }

    /// A random UUID (version 4) in its hyphenated form.
    fn uuid(&mut self) -> String {
        let mut b = [0; 16];
        self.fill(&mut b);
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        let h = hex(&b);
        format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
    }

    /// `count` decimal digits, the first not zero: a deployment or service revision number.
    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|i| if i == 0 { self.one_of(b"123456789") } else { self.one_of(b"0123456789") })
            .collect()
    }

    /// `count` characters of `A-Z2-7`: the tail of an access key id.
    fn base32(&mut self, count: usize) -> String {
        (0..count).map(|_| self.one_of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")).collect()
    }

    /// One character of `alphabet`, every one as likely as the next (rejection sampling).
    fn one_of(&mut self, alphabet: &[u8]) -> char {
        assert!(!alphabet.is_empty() && alphabet.len() <= 256);
        let limit = 256 - 256 % alphabet.len();
        loop {
            let mut byte = [0];
            self.fill(&mut byte);
            if usize::from(byte[0]) < limit {
                return char::from(alphabet[usize::from(byte[0]) % alphabet.len()]);
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
        .map(char::from)
        .collect()
}

/// A reproducible source for tests and simulations (SplitMix64). Never for secrets.
#[derive(Clone, Debug)]
pub struct SeededIds(u64);

impl SeededIds {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        SeededIds(seed)
    }

    /// The next 64 bits of the sequence.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl IdSource for SeededIds {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_as_aws_has_them() {
        let mut ids = SeededIds::new(1);
        assert_eq!(ids.hex32().len(), 32);
        assert_eq!(ids.hex(17).len(), 17);
        let digits = ids.digits(19);
        assert!(digits.len() == 19 && !digits.starts_with('0'));
        let uuid = ids.uuid();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
    }
}
