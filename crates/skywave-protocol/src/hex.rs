//! Digests as hexadecimal text.
//!
//! Every signature is read here. Its digits are as good as random, so a branch for each kind of digit
//! would be guessed wrong about every other time: they are looked up instead.

/// `bytes` in lower-case hexadecimal.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let digits =
        |&byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
    bytes.iter().flat_map(digits).collect()
}

/// The `N` bytes that `text` writes in hexadecimal of either case, if it is exactly that.
pub(crate) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let pairs: &[[u8; 2]; N] = pairs.try_into().ok()?;
    let mut seen = 0;
    let bytes = pairs.map(|[high, low]| {
        let (high, low) = (VALUES[usize::from(high)], VALUES[usize::from(low)]);
        seen |= high | low;
        high << 4 | low
    });
    (seen <= 15).then_some(bytes)
}

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// The value of every digit, of either case; more than any digit's for other bytes.
const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        let digit = DIGITS[value];
        values[digit as usize] = value as u8;
        values[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_they_are_written_in_either_case() {
        let bytes: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        let text = encode(&bytes);
        assert!(text.starts_with("000102") && text.ends_with("fdfeff"));
        assert_eq!(decode(text.as_bytes()), Some(bytes));
        assert_eq!(decode(text.to_uppercase().as_bytes()), Some(bytes));
    }

    #[test]
    fn all_else_is_no_hexadecimal() {
        assert_eq!(decode::<2>(b"0aF9"), Some([0x0a, 0xf9]));
        for text in [
            "", "0aF", "0aF99", "0aF900", "0aFg", "0a/9", "0a:9", "0a`9", "0aG9", "0a@9", "é9a",
        ] {
            assert_eq!(decode::<2>(text.as_bytes()), None, "{text}");
        }
    }
}
