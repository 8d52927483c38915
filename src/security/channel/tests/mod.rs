//! What an attacker tries between both ends of a channel, and the published vector.

mod forged_keys;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::util::hex::Hex;

fn key(seed: u8) -> PrivateKey {
    PrivateKey::new([seed; 32])
}

/// The only message in `sent`, without its length.
fn message(sent: &[u8]) -> &[u8] {
    let (length, message) = sent.split_first_chunk().expect("a length");
    assert_eq!(usize::from(u16::from_be_bytes(*length)), message.len());
    message
}

/// All messages in `sent`.
fn messages(mut sent: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = sent.split_first_chunk() {
        let (message, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        messages.push(message.to_vec());
        sent = rest;
    }
    messages
}

/// A handshake until message 3 was sent: what was recorded on the way, and both ends.
struct Handshake {
    opening: Vec<u8>,
    reply: Vec<u8>,
    finish: Vec<u8>,
    entry: Entry,
    client: Channel,
    host: Replied,
}

fn handshake(entry: Entry) -> Handshake {
    let (client, opening) = Initiator::new(&key(1)).unwrap();
    let host = key(2);
    let (reply, host) =
        Responder::read_opening(&host, message(&opening)).unwrap().reply(entry).unwrap();
    let answered = client.read_reply(message(&reply)).unwrap();
    let entry = answered.entry;
    let (finish, client) = answered.finish().unwrap();
    Handshake { opening, reply, finish, entry, client, host }
}

/// A channel: the client's end and the host's.
fn channel() -> (Channel, Channel) {
    let handshake = handshake(Entry::Code);
    (handshake.client, handshake.host.finish(message(&handshake.finish)).unwrap())
}

fn seal(sealer: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    sealer.seal(plain, &mut sent).unwrap();
    message(&sent).to_vec()
}

fn open(opener: &mut Opener, message: &[u8]) -> Result<Vec<u8>, ChannelError> {
    let mut plain = vec![0; 65_535];
    opener.open(message, &mut plain).map(|length| plain[..length].to_vec())
}

#[test]
fn opening_is_that_of_the_document() {
    let (_, opening) = Initiator::new(&key(1)).unwrap();
    assert_eq!(opening[..12], *b"\x00\x2aIMBOLC\x00\x04\x01\x01");
    assert_eq!(opening.len(), 2 + 8 + 2 + 32);
}

#[test]
fn both_ends_know_key_entry_and_hash() {
    for entry in Entry::ALL {
        let handshake = handshake(entry);
        assert_eq!(handshake.entry, entry);
        assert_eq!(handshake.reply.len(), 2 + REPLY_LENGTH);
        assert_eq!(handshake.finish.len(), 2 + FINISH_LENGTH);
        let (client, host) =
            (handshake.client, handshake.host.finish(message(&handshake.finish)).unwrap());
        assert_eq!((client.peer, host.peer), (key(2).public(), key(1).public()));
        assert_eq!(client.hash, host.hash);
    }
}

#[test]
fn hash_is_of_one_channel_only() {
    assert_ne!(channel().0.hash, channel().0.hash);
}

#[test]
fn listener_does_not_see_the_static_keys() {
    let handshake = handshake(Entry::Code);
    let recorded = [handshake.opening, handshake.reply, handshake.finish].concat();
    for key in [key(1).public(), key(2).public()] {
        assert!(!recorded.windows(32).any(|window| window == key.bytes()));
    }
}

#[test]
fn only_openings_are_openings() {
    let (_, opening) = Initiator::new(&key(1)).unwrap();
    let opening = message(&opening);
    let own = key(2);
    let read = |opening: &[u8]| Responder::read_opening(&own, opening).map(|_| ());
    assert_eq!(read(opening), Ok(()));
    for length in 0..opening.len() {
        let error = read(&opening[..length]).unwrap_err();
        assert_eq!(error, ChannelError::Malformed, "{length} bytes");
    }
    assert_eq!(read(&[opening, &[0]].concat()), Err(ChannelError::Malformed));
    let mut other = opening.to_vec();
    other[7] ^= 1;
    assert_eq!(read(&other), Err(ChannelError::Malformed));
}

/// An opening that offers `versions`, with the key of another one.
fn offering(versions: &[u8]) -> Vec<u8> {
    let (_, opening) = Initiator::new(&key(1)).unwrap();
    let count = u8::try_from(versions.len()).unwrap();
    [&MAGIC, &[count][..], versions, &opening[opening.len() - 32..]].concat()
}

#[test]
fn host_takes_its_version_out_of_many() {
    let own = key(2);
    let read = |opening: &[u8]| Responder::read_opening(&own, opening).map(|_| ());
    assert_eq!(read(&offering(&[3, 2, VERSION])), Ok(()));
    assert_eq!(read(&offering(&[3, 2])), Err(ChannelError::NoCommonVersion));
    assert_eq!(read(&offering(&[])), Err(ChannelError::NoCommonVersion));
    let longest = [VERSION; OPENING_LIMIT - 8 - 1 - 32];
    assert_eq!(read(&offering(&longest)), Ok(()));
    let longer = [VERSION; OPENING_LIMIT - 8 - 32];
    assert_eq!(read(&offering(&longer)), Err(ChannelError::Malformed));
}

/// An attacker adds a version to the offer, or removes one: the host answers, and its
/// answer does not open.
#[test]
fn downgrade_of_the_offer_is_noticed() {
    let (client, opening) = Initiator::new(&key(1)).unwrap();
    let opening = message(&opening);
    let changed = [&MAGIC, &[2, VERSION, 0][..], &opening[10..]].concat();
    let own = key(2);
    let (reply, _) = Responder::read_opening(&own, &changed).unwrap().reply(Entry::Code).unwrap();
    let error = client.read_reply(message(&reply)).unwrap_err();
    assert_eq!(error, ChannelError::DoesNotOpen);
}

#[test]
fn reply_of_another_version_or_entry_is_refused() {
    for payload in [[VERSION, 3], [VERSION, 255], [VERSION + 1, 0], [0, 0]] {
        let (client, opening) = Initiator::new(&key(1)).unwrap();
        let (prologue, first) = message(&opening).split_at(10);
        let own = key(2);
        let mut host = builder(&own, prologue).unwrap().build_responder().unwrap();
        host.read_message(first, &mut []).unwrap();
        let reply = noise_message(&mut host, &payload).unwrap();
        assert_eq!(client.read_reply(&reply).unwrap_err(), ChannelError::Malformed, "{payload:?}");
    }
}

#[test]
fn changed_or_cut_reply_does_not_open() {
    for at in (0..REPLY_LENGTH).step_by(9) {
        let (client, opening) = Initiator::new(&key(1)).unwrap();
        let own = key(2);
        let host = Responder::read_opening(&own, message(&opening)).unwrap();
        let (reply, _) = host.reply(Entry::Code).unwrap();
        let mut reply = message(&reply).to_vec();
        reply[at] ^= 1;
        assert!(client.read_reply(&reply).is_err(), "byte {at}");
    }
    for change in [-1, 1] {
        let (client, opening) = Initiator::new(&key(1)).unwrap();
        let own = key(2);
        let host = Responder::read_opening(&own, message(&opening)).unwrap();
        let (reply, _) = host.reply(Entry::Code).unwrap();
        let mut reply = message(&reply).to_vec();
        reply.resize(reply.len().strict_add_signed(change), 0);
        assert_eq!(client.read_reply(&reply).unwrap_err(), ChannelError::Malformed);
    }
}

#[test]
fn changed_or_cut_message_3_does_not_open() {
    for at in (0..FINISH_LENGTH).step_by(9) {
        let handshake = handshake(Entry::Code);
        let mut finish = message(&handshake.finish).to_vec();
        finish[at] ^= 1;
        let error = handshake.host.finish(&finish).unwrap_err();
        assert_eq!(error, ChannelError::DoesNotOpen, "byte {at}");
    }
    let handshake = handshake(Entry::Code);
    let finish = &message(&handshake.finish)[..FINISH_LENGTH - 1];
    assert_eq!(handshake.host.finish(finish).unwrap_err(), ChannelError::Malformed);
}

#[test]
fn recorded_handshake_opens_no_second_channel() {
    let recorded = handshake(Entry::Code);
    let own = key(2);
    let opening = message(&recorded.opening);
    let (_, host) = Responder::read_opening(&own, opening).unwrap().reply(Entry::Code).unwrap();
    let error = host.finish(message(&recorded.finish)).unwrap_err();
    assert_eq!(error, ChannelError::DoesNotOpen);
    let (client, _) = Initiator::new(&key(1)).unwrap();
    assert!(client.read_reply(message(&recorded.reply)).is_err());
}

/// Messages that the client sealed, and the other end.
fn sealed<const N: usize>() -> ([Vec<u8>; N], Channel) {
    let (mut client, host) = channel();
    (std::array::from_fn(|number| seal(&mut client.sealer, &[b'a'; 9][number..])), host)
}

/// `messages` arrive; all but the last open, and after that, none does.
fn assert_last_fails(host: &mut Channel, messages: &[&[u8]], genuine: &[u8]) {
    let (last, before) = messages.split_last().unwrap();
    for message in before {
        open(&mut host.opener, message).unwrap();
    }
    assert!(open(&mut host.opener, last).is_err());
    assert_eq!(open(&mut host.opener, genuine), Err(ChannelError::DoesNotOpen), "it stays failed");
}

#[test]
fn changed_message_ends_the_channel() {
    for at in [0, 8, 9, 24] {
        let ([first], mut host) = sealed();
        let mut changed = first.clone();
        changed[at] ^= 1;
        assert_last_fails(&mut host, &[&changed], &first);
    }
}

#[test]
fn dropped_message_ends_the_channel() {
    let ([first, second], mut host) = sealed();
    assert_last_fails(&mut host, &[&second], &first);
}

#[test]
fn doubled_message_ends_the_channel() {
    let ([first, second], mut host) = sealed();
    assert_last_fails(&mut host, &[&first, &first], &second);
}

#[test]
fn reordered_messages_end_the_channel() {
    let ([first, second, third], mut host) = sealed();
    assert_last_fails(&mut host, &[&first, &third], &second);
}

#[test]
fn truncated_message_ends_the_channel() {
    let ([first], mut host) = sealed();
    assert_last_fails(&mut host, &[&first[..first.len() - 1]], &first);
    let ([first], mut host) = sealed();
    assert_last_fails(&mut host, &[&[]], &first);
}

#[test]
fn spliced_message_of_another_channel_ends_it() {
    let ([theirs], _) = sealed();
    let ([first], mut host) = sealed();
    assert_last_fails(&mut host, &[&theirs], &first);
}

#[test]
fn message_that_comes_back_to_its_sender_is_refused() {
    let (mut client, mut host) = channel();
    let sent = seal(&mut host.sealer, b"a");
    let genuine = seal(&mut client.sealer, b"a");
    assert_last_fails(&mut host, &[&sent], &genuine);
}

#[test]
fn message_without_content_is_refused() {
    let (mut client, mut host) = channel();
    let mut empty = vec![0; TAG];
    client.sealer.keys.write_message(0, &[], &mut empty).unwrap();
    client.sealer.nonce = 1;
    let genuine = seal(&mut client.sealer, b"a");
    assert_last_fails(&mut host, &[&empty], &genuine);
}

#[test]
fn message_for_which_there_is_no_room_is_refused() {
    let ([first], mut host) = sealed();
    let error = host.opener.open(&first, &mut [0; 8]).unwrap_err();
    assert_eq!(error, ChannelError::Malformed);
}

#[test]
fn messages_are_small_until_the_chunk_is_raised() {
    let (mut client, mut host) = channel();
    let plain: Vec<_> = (0..=u8::MAX).cycle().take(CHUNK + 1).collect();
    for (chunk, longest) in [(None, EARLY_CHUNK), (Some(CHUNK), CHUNK), (Some(usize::MAX), CHUNK)] {
        if let Some(chunk) = chunk {
            client.sealer.set_chunk(chunk);
        }
        let mut sent = b"before".to_vec();
        client.sealer.seal(&plain, &mut sent).unwrap();
        let sent = messages(sent.strip_prefix(b"before").unwrap());
        assert_eq!(sent.iter().map(Vec::len).max(), Some(longest + TAG));
        let opened: Vec<_> =
            sent.iter().flat_map(|message| open(&mut host.opener, message).unwrap()).collect();
        assert_eq!(opened, plain);
    }
}

#[test]
fn sealer_and_opener_end_before_a_number_repeats() {
    let (mut client, mut host) = channel();
    client.sealer.nonce = u64::MAX - 1;
    host.opener.nonce = u64::MAX - 1;
    let last = seal(&mut client.sealer, b"a");
    assert_eq!(open(&mut host.opener, &last).unwrap(), b"a");
    for _ in 0..2 {
        let mut out = Vec::new();
        assert_eq!(client.sealer.seal(b"a", &mut out), Err(ChannelError::DoesNotOpen));
    }
}

#[test]
fn nothing_secret_of_a_channel_is_shown() {
    let (client, _) = channel();
    let hash = client.hash;
    let shown = format!("{client:?}");
    let expected = format!(
        "Channel {{ peer: {:?}, hash: {hash:?}, sealer: Sealer(…), opener: Opener(…) }}",
        key(2).public()
    );
    assert_eq!(shown, expected);
}

/// A vector of cacophony, as in the tests of snow.
#[derive(Deserialize)]
struct Vector {
    protocol_name: String,
    init_prologue: String,
    init_static: String,
    init_ephemeral: String,
    resp_static: String,
    resp_ephemeral: String,
    handshake_hash: String,
    messages: Vec<VectorMessage>,
}

#[derive(Deserialize)]
struct VectorMessage {
    payload: String,
    ciphertext: String,
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn published_vector_of_the_pattern() {
    let vector: Vector = serde_json::from_str(include_str!("vector.json")).unwrap();
    assert_eq!(vector.protocol_name, NOISE);
    let end = |own: &str, ephemeral: &str, initiator: bool| {
        let own = PrivateKey::new(bytes(own).try_into().unwrap());
        let (prologue, ephemeral) = (bytes(&vector.init_prologue), bytes(ephemeral));
        let builder = builder(&own, &prologue).unwrap();
        let builder = builder.fixed_ephemeral_key_for_testing_only(&ephemeral);
        let state = if initiator { builder.build_initiator() } else { builder.build_responder() };
        (state.unwrap(), own.public())
    };
    let (mut client, client_key) = end(&vector.init_static, &vector.init_ephemeral, true);
    let (mut host, host_key) = end(&vector.resp_static, &vector.resp_ephemeral, false);
    let (first, rest) = vector.messages.split_at(3);
    for (number, message) in first.iter().enumerate() {
        let (from, to) =
            if number == 1 { (&mut host, &mut client) } else { (&mut client, &mut host) };
        let (payload, mut sent, mut read) = (bytes(&message.payload), [0; 256], [0; 256]);
        let length = from.write_message(&payload, &mut sent).unwrap();
        assert_eq!(Hex(&sent[..length]).to_string(), message.ciphertext, "message {number}");
        let read_length = to.read_message(&sent[..length], &mut read).unwrap();
        assert_eq!(read[..read_length], payload);
    }
    assert_eq!((peer(&client).unwrap(), peer(&host).unwrap()), (host_key, client_key));
    let mut client = Channel::new(host_key, client).unwrap();
    let mut host = Channel::new(client_key, host).unwrap();
    for channel in [&client, &host] {
        assert_eq!(Hex(&channel.hash).to_string(), vector.handshake_hash);
    }
    for (number, message) in rest.iter().enumerate() {
        let (from, to) = if number % 2 == 0 {
            (&mut host.sealer, &mut client.opener)
        } else {
            (&mut client.sealer, &mut host.opener)
        };
        let payload = bytes(&message.payload);
        let sent = seal(from, &payload);
        assert_eq!(Hex(&sent).to_string(), message.ciphertext, "message {}", number + 3);
        assert_eq!(open(to, &sent).unwrap(), payload);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..130),
        begins_well: bool,
    ) {
        let own = key(2);
        let opening = if begins_well { [&MAGIC[..], &bytes].concat() } else { bytes.clone() };
        let _ = Responder::read_opening(&own, &opening);
        let (client, _) = Initiator::new(&own).unwrap();
        prop_assert!(client.read_reply(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn stream_arrives_however_it_is_cut(
        writes in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..300), 0_usize..400),
            0..8,
        ),
    ) {
        let (mut client, mut host) = channel();
        let (mut plain, mut sent) = (Vec::new(), Vec::new());
        for (write, chunk) in writes {
            client.sealer.set_chunk(chunk);
            client.sealer.seal(&write, &mut sent).unwrap();
            plain.extend(write);
        }
        let opened: Vec<_> =
            messages(&sent).iter().flat_map(|sent| open(&mut host.opener, sent).unwrap()).collect();
        prop_assert_eq!(opened, plain);
    }
}
