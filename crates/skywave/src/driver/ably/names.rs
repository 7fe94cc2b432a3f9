//! What channels are called at Ably: [`AblyNames`].

use std::borrow::Cow;

use skywave_protocol::ChannelName;

/// How channels are named at Ably.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AblyNames {
    /// As they are: `private-orders.7` is the channel `private-orders.7`.
    #[default]
    Verbatim,
    /// In the namespaces `public:`, `private:` and `presence:`, so that Ably's rules for namespaces
    /// and capabilities such as `public:*` apply: `private-orders.7` is the channel
    /// `private:orders.7`, `news` is `public:news`. It is what Laravel does, and Ably's Pusher
    /// adapter.
    Namespaced,
}

impl AblyNames {
    /// The channel's name at Ably.
    pub(super) fn name(self, channel: &ChannelName) -> Cow<'_, str> {
        let name = channel.as_str();
        if self == Self::Verbatim {
            return Cow::Borrowed(name);
        }
        let (namespace, rest) = match name.split_once('-') {
            Some((prefix @ ("private" | "presence"), rest)) => (prefix, rest),
            _ => ("public", name),
        };
        Cow::Owned(format!("{namespace}:{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_those_of_the_laravel_family() {
        // `channelNameMapping` of the vectors, and the other kinds.
        for (name, expected) in [
            ("private-orders.7", "private:orders.7"),
            ("presence-room", "presence:room"),
            ("news", "public:news"),
            ("private", "public:private"),
            ("privateer-1", "public:privateer-1"),
            ("cache-news", "public:cache-news"),
            ("private-encrypted-x", "private:encrypted-x"),
            ("private-private-x", "private:private-x"),
        ] {
            let channel = ChannelName::parse(name).unwrap();
            assert_eq!(AblyNames::Namespaced.name(&channel), expected);
            assert_eq!(AblyNames::Verbatim.name(&channel), name);
        }
    }
}
