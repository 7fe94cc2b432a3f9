//! Unmasking (RFC 6455 §5.3), eight bytes at a time in safe code.
//!
//! The octets of a client frame's payload are combined with those of a four-byte key, repeated, by
//! exclusive or. The compiler turns the loop over whole words into vector instructions.

/// Unmasks `payload` in place; `offset` is the position of its first byte in the frame's payload.
pub(crate) fn unmask(payload: &mut [u8], mut key: [u8; 4], offset: u64) {
    key.rotate_left((offset % 4) as usize);
    let [a, b, c, d] = key;
    let wide_key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);

    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide_key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::unmask;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// The octet-by-octet definition of §5.3.
    fn by_definition(payload: &[u8], offset: usize) -> Vec<u8> {
        let octet = |(i, byte): (usize, &u8)| byte ^ KEY[(offset + i) % 4];
        payload.iter().enumerate().map(octet).collect()
    }

    #[test]
    fn words_and_remainder_follow_the_definition_at_every_length_and_offset() {
        let original: Vec<u8> = (0..=70).collect();
        for length in 0..=original.len() {
            for offset in 0..9 {
                let mut payload = original[..length].to_vec();
                unmask(&mut payload, KEY, offset as u64);
                assert_eq!(payload, by_definition(&original[..length], offset));
            }
        }
    }
}
