//! Variations of inputs, for the few seconds that a test has. There is no feedback from the code: what
//! needs long to be found is libFuzzer's to find.

/// Makes inputs out of others.
#[derive(Debug)]
pub struct Varying {
    state: u64,
    known: Vec<Vec<u8>>,
}

impl Varying {
    /// Varies these inputs, the same way for the same `seed`.
    #[must_use]
    pub fn new(seed: u64, known: Vec<Vec<u8>>) -> Self {
        Self {
            state: seed | 1,
            known,
        }
    }

    /// An input of at most `longest` bytes.
    pub fn next(&mut self, longest: usize) -> Vec<u8> {
        let mut input = self.pick();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(longest);
        input
    }

    fn pick(&mut self) -> Vec<u8> {
        let index = self.below(self.known.len());
        self.known.get(index).cloned().unwrap_or_default()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1).min(16);
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.byte(),
            2 => drop(input.drain(at..end)),
            3 => {
                let byte = self.byte();
                input.insert(at, byte);
            }
            4 => {
                let again = input[at..end].repeat(1 + self.below(20));
                input.splice(at..at, again);
            }
            5 => {
                // The beginning of this one and the end of another.
                let other = self.pick();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend(&other[from..]);
            }
            _ => {
                let number = [
                    0,
                    1,
                    125,
                    126,
                    127,
                    128,
                    255,
                    65_535,
                    u64::MAX >> 1,
                    u64::MAX,
                ];
                let number = number[self.below(number.len())].to_string();
                input.splice(at..end, number.into_bytes());
            }
        }
    }

    /// Any byte, but more often one that means something.
    fn byte(&mut self) -> u8 {
        const MEANING: &[u8] = b"\"\\{}[]:,.%&=+/?#\n\r\0 -_019aeunl\x7f\x80\xbf\xc3\xed\xf4\xff";
        match self.below(3) {
            0 => self.below(256) as u8,
            _ => MEANING[self.below(MEANING.len())],
        }
    }

    /// Any number less than `end`; 0 when there is none. (xorshift64*, Vigna 2016)
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let random = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (random as usize).checked_rem(end).unwrap_or(0)
    }
}
