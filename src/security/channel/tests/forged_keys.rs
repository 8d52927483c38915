//! Ends of a channel that show a public key which must be refused.

use snow::{
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};

use super::*;
use crate::util::hex::parse_hex;

/// An end with a public key that it does not have: `shown`. If that is of low order,
/// what both ends compute from it is 0.
struct Forger {
    shown: [u8; 32],
    low_order: bool,
}

struct ForgedKey {
    real: Box<dyn Dh>,
    forged: Option<[u8; 32]>,
    shown: [u8; 32],
    low_order: bool,
}

impl CryptoResolver for Forger {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        DefaultResolver.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let real = DefaultResolver.resolve_dh(choice)?;
        let Self { shown, low_order } = *self;
        Some(Box::new(ForgedKey { real, forged: None, shown, low_order }))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

impl Dh for ForgedKey {
    fn name(&self) -> &'static str {
        self.real.name()
    }

    fn pub_len(&self) -> usize {
        self.real.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.real.priv_len()
    }

    /// Only the static key is set: it is the forged one.
    fn set(&mut self, key: &[u8]) {
        self.real.set(key);
        self.forged = Some(self.shown);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        self.real.generate(rng)
    }

    fn pubkey(&self) -> &[u8] {
        self.forged.as_ref().map_or(self.real.pubkey(), <[u8; 32]>::as_slice)
    }

    fn privkey(&self) -> &[u8] {
        self.real.privkey()
    }

    fn dh(&self, key: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        if self.forged.is_some() && self.low_order {
            out[..32].fill(0);
            return Ok(());
        }
        self.real.dh(key, out)
    }
}

/// Every public key that must be refused, and whether it is of low order.
fn bad_keys() -> Vec<([u8; 32], bool)> {
    let digits = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let low_order = digits.map(|digits| parse_hex(digits).unwrap());
    let second = |mut key: [u8; 32]| {
        key[31] |= 0x80;
        key
    };
    let all = low_order.iter().flat_map(|&key| [(key, true), (second(key), true)]);
    all.chain([(second(*key(3).public().bytes()), false)]).collect()
}

#[test]
fn bad_ephemeral_key_of_a_client_is_refused() {
    let own = key(2);
    for (bad, _) in bad_keys() {
        let opening = [&MAGIC[..], &[1, VERSION], &bad].concat();
        let error = Responder::read_opening(&own, &opening).map(|_| ()).unwrap_err();
        assert_eq!(error, ChannelError::BadKey(BadKey), "{}", Hex(&bad));
    }
}

#[test]
fn bad_ephemeral_key_of_a_host_is_refused() {
    for (bad, _) in bad_keys() {
        let (client, _) = Initiator::new(&key(1)).unwrap();
        let reply = [&bad[..], &[0; REPLY_LENGTH - 32]].concat();
        let error = client.read_reply(&reply).unwrap_err();
        assert_eq!(error, ChannelError::BadKey(BadKey), "{}", Hex(&bad));
    }
}

#[test]
fn bad_static_key_of_a_host_is_refused() {
    for (shown, low_order) in bad_keys() {
        let (client, opening) = Initiator::new(&key(1)).unwrap();
        let (prologue, first) = message(&opening).split_at(10);
        let forger = Box::new(Forger { shown, low_order });
        let host = Builder::with_resolver(NOISE.parse().unwrap(), forger);
        let own = key(3);
        let host = host.local_private_key(own.expose()).unwrap().prologue(prologue).unwrap();
        let mut host = host.build_responder().unwrap();
        host.read_message(first, &mut []).unwrap();
        let reply = noise_message(&mut host, &[VERSION, 0]).unwrap();
        let error = client.read_reply(&reply).unwrap_err();
        assert_eq!(error, ChannelError::BadKey(BadKey), "{}", Hex(&shown));
    }
}

#[test]
fn bad_static_key_of_a_client_is_refused() {
    for (shown, low_order) in bad_keys() {
        let forger = Box::new(Forger { shown, low_order });
        let client = Builder::with_resolver(NOISE.parse().unwrap(), forger);
        let prologue = [&MAGIC[..], &[1, VERSION]].concat();
        let own = key(3);
        let client = client.local_private_key(own.expose()).unwrap().prologue(&prologue).unwrap();
        let mut client = client.build_initiator().unwrap();
        let first = noise_message(&mut client, &[]).unwrap();
        let own = key(2);
        let opening = [prologue, first].concat();
        let host = Responder::read_opening(&own, &opening).unwrap();
        let (reply, host) = host.reply(Entry::Code).unwrap();
        client.read_message(message(&reply), &mut [0; 2]).unwrap();
        let finish = noise_message(&mut client, &[]).unwrap();
        let error = host.finish(&finish).unwrap_err();
        assert_eq!(error, ChannelError::BadKey(BadKey), "{}", Hex(&shown));
    }
}
