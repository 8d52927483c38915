"""An encrypted client for an Imbolc session in Python, written from docs/protocol.md and
docs/studio.md alone.

It enters a session with the code that the host shows, takes an instrument, changes its
filter, drops the connection, resumes without the code, changes the filter again and
leaves. It exits with 0 if the host follows the documents; otherwise it prints the
violation in one line and exits with 1. The messages are those of client.py, which it is
built on; this file adds the channel, the key and the code.

It needs two packages: `pip install noiseprotocol==0.3.1 spake2==0.9`

    python3 examples/encrypted_client.py 192.168.1.20:9999 --code 123-456 --name Ana

With `--key FILE` it keeps its key in this file, so that the host knows it the next day.
Then it needs no code: `--host KEY` names the key of the host, which it has printed.
"""

import argparse
import hmac
import json
import os
import secrets
import struct
import sys

from client import Client, Frames, ProtocolViolation, expect, only, printable, show

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from noise.connection import Keypair, NoiseConnection
    from noise.exceptions import NoiseInvalidMessage
    from spake2 import SPAKE2_A
    from spake2.spake2 import SPAKEError
except ImportError as missing:
    sys.exit(f"{missing}: pip install noiseprotocol==0.3.1 spake2==0.9")

OFFER = b"IMBOLC\x00\x04" + bytes([1, 1])  # one version of the channel: 1
BYTES_OF_A_STRANGER = 4096  # that one message of the channel may hold, here always
FRAME_OF_A_STRANGER = 16 * 1024  # bytes; until the host is believed
OPEN = 2


def checked(key):
    """A public key. Those of low order are refused by `cryptography`."""
    expect(int.from_bytes(key, "little") < 2**255 - 19, "a public key is not canonical")
    return key


class Channel(Frames):
    """Messages inside the encrypted channel."""

    longest = FRAME_OF_A_STRANGER

    def __init__(self, host, port, key):
        super().__init__(host, port)
        self.outside = self.incoming
        self.noise = NoiseConnection.from_name(b"Noise_XX_25519_ChaChaPoly_BLAKE2s")
        self.noise.set_as_initiator()
        self.noise.set_keypair_from_private_bytes(Keypair.STATIC, key)
        self.noise.set_prologue(OFFER)
        self.noise.start_handshake()
        self.seal_outside(OFFER + self.noise.write_message())
        reply = self.open_outside()
        expect(len(reply) == 98, "the answer of the host is no message of the channel")
        checked(reply[:32])
        version, self.entry = self.noise.read_message(reply)
        expect(version == 1, f"the host chose version {version} of the channel")
        # noiseprotocol 0.3.1 forgets it when message 3 is written.
        self.host_key = checked(self.noise.noise_protocol.handshake_state.rs.public_bytes)

    def show_key(self):
        """Call this once it is clear what to do with the host."""
        self.seal_outside(self.noise.write_message())
        self.hash = self.noise.get_handshake_hash()
        self.incoming = Opened(self)

    def believe(self):
        self.longest = Frames.longest

    def seal_outside(self, message):
        self.socket.sendall(struct.pack(">H", len(message)) + message)

    def open_outside(self):
        """Returns the next message; nothing at the end of the connection."""
        head = self.outside.read(2)
        if head == b"\0\0":  # half the length of a plain frame
            (length,) = struct.unpack(">H", self.outside.read(2))
            raise ProtocolViolation(f"the host refuses in clear: {self.outside.read(length)}")
        return self.outside.read(*struct.unpack(">H", head)) if len(head) == 2 else b""

    def send(self, message):
        payload = json.dumps(message).encode()
        frame = struct.pack(">I", len(payload)) + payload
        for start in range(0, len(frame), BYTES_OF_A_STRANGER):
            self.seal_outside(self.noise.encrypt(frame[start:start + BYTES_OF_A_STRANGER]))

    def drop(self):
        """Ends the connection without a word, as a cable that is pulled."""
        self.outside.close()
        self.socket.close()


class Opened:
    """The stream of frames that arrives in a channel."""

    def __init__(self, channel):
        self.channel, self.rest = channel, b""

    def read(self, count):
        while len(self.rest) < count and (message := self.channel.open_outside()):
            self.rest += self.channel.noise.decrypt(message)
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


class EncryptedClient(Client):
    def __init__(self, address, key):
        super().__init__(None)
        self.address, self.key = address, key
        self.instance, self.attempt = secrets.token_hex(16), 0
        self.host_key = None  # once it is believed

    def connect(self, code):
        """Opens a channel to a host that is believed, or shows that it has the code."""
        self.frames = Channel(*self.address, self.key.bytes)
        host = self.frames.host_key
        expect(self.host_key in (None, host), "another host answers")
        if self.host_key is None and code is None:
            expect(self.frames.entry == OPEN, f"the host {host.hex()} is not known: give its --code")
            show("  the session is open: nobody can tell whose it is")
        self.frames.show_key()
        if code is not None:
            self.prove(code)
        self.frames.believe()
        self.host_key = host

    def prove(self, code):
        """Shows that both sides have the code. Nothing else is sent before that."""
        show("> the code, without showing it")
        run = SPAKE2_A(
            code.replace("-", "").encode(),
            idA=b"imbolc joiner " + self.key.public, idB=b"imbolc host " + self.frames.host_key)
        element = self.ask("ProveCode", {"element": run.start().hex()}, "CodeElement")["element"]
        shared = run.finish(bytes.fromhex(element))

        def mac(role):
            key = HKDF(SHA256(), 32, None, role).derive(shared)
            return hmac.digest(key, role + self.frames.hash, "sha256")

        answer = self.ask("ConfirmCode", {"mac": mac(b"imbolc joiner").hex()}, "CodeConfirmed")
        theirs = bytes.fromhex(answer["mac"])
        expect(hmac.compare_digest(theirs, mac(b"imbolc host")), "the host does not have this code")
        show(f"< the host has the code, too; its key is {self.frames.host_key.hex()}")

    def ask(self, request, content, wanted):
        self.frames.send({request: content})
        reply = self.frames.receive()
        expect(reply is not None, "the host has closed the connection")
        kind, content = only(reply)
        expect(kind == wanted, f"the answer to {request} was {json.dumps(reply)}")
        return content

    def hello(self, name, own, resume):
        self.attempt += 1
        self.frames.send({"Hello": {
            "protocol": 4, "model": "imbolc-studio", "model_version": 4,
            "name": name, "own": own, "privilege": False, "codecs": ["json"],
            "attempt": self.attempt, "instance": self.instance, "resume": resume}})
        return self.receive()

    def enter(self, name, own):
        show(f"> Hello, I am {name} and would like to own instrument {own}")
        answer, welcome = self.hello(name, [own], None)
        expect(answer == "Welcome", f"the answer to Hello was {answer}")
        expect(welcome["token"] is None, "a client with a key got a token")
        expect(own in welcome["granted"], f"instrument {own} was not granted")
        self.me = welcome["client_id"]

    def resume(self, name):
        show("> Hello, I am back")
        answer, resumed = self.hello(name, [], {
            "token": None, "client_id": self.me, "seq": self.seq, "answered": self.through,
            "history": 0})
        expect(answer == "ReconnectSuccessful", f"the answer to Hello was {answer}")
        expect(resumed["client_id"] == self.me, "the place is that of another client")
        expect(resumed["last_action"] == self.number, "the host counted other actions")

    def edit(self, own):
        hertz = 880 if self.cutoff(own) != 880 else 440
        refusal = self.turn_cutoff(own, hertz)
        expect(refusal is None, "an edit of an owned instrument was refused")
        self.receive_until(lambda: self.seq >= self.contains, "no patch shows the edit")
        expect(self.cutoff(own) == hertz, f"the cutoff is {self.cutoff(own)} Hz, not {hertz}")


class Key:
    """The private key of this installation, and the public one."""

    def __init__(self, file):
        self.bytes = self.kept(file) if file else secrets.token_bytes(32)
        pair = NoiseConnection.from_name(b"Noise_XX_25519_ChaChaPoly_BLAKE2s")
        pair.set_keypair_from_private_bytes(Keypair.STATIC, self.bytes)
        self.public = pair.noise_protocol.keypairs["s"].public_bytes

    @staticmethod
    def kept(file):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with open(file) as kept:
                return bytes.fromhex(kept.read())
        with open(descriptor, "w") as new:
            key = secrets.token_bytes(32)
            new.write(key.hex() + "\n")
        return key


def run(client, name, own, code):
    client.connect(code)
    client.enter(name, own)
    client.edit(own)
    client.frames.drop()
    show("  the connection is lost")
    client.connect(None)
    client.resume(name)
    client.edit(own)
    expect(client.owns(own), f"instrument {own} was lost with the connection")
    client.leave()


def main():
    parser = argparse.ArgumentParser(description="An encrypted client for an Imbolc session.")
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--code", metavar="NNN-NNN", help="the code that the host shows")
    parser.add_argument("--key", metavar="FILE", help="where to keep the key; otherwise it is new each time")
    parser.add_argument("--host", metavar="KEY", type=bytes.fromhex, help="the key of the host, if you know it")
    parser.add_argument("--name", default="Python", help="your name in the session")
    parser.add_argument("--own", type=int, default=1, metavar="ID", help="the instrument to own")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    if not port.isdecimal():
        parser.error(f"{options.address} is not HOST:PORT")
    sys.stdout.reconfigure(line_buffering=True, errors="replace")
    try:
        client = EncryptedClient((host.strip("[]"), int(port)), Key(options.key))
        client.host_key = options.host
        run(client, options.name, options.own, options.code)
    except ProtocolViolation as violation:
        sys.exit(printable(f"protocol violation: {violation}"))
    except (InvalidTag, NoiseInvalidMessage, SPAKEError) as error:
        sys.exit(f"protocol violation: a message of the channel does not open: {error!r}")
    except (OSError, OverflowError) as error:
        sys.exit(f"no connection to {options.address}: {error}")
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, StopIteration) as error:
        sys.exit(printable(f"protocol violation: a message is not as documented: {error!r}"))


if __name__ == "__main__":
    main()
