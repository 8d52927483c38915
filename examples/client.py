"""A guest in an Imbolc session, in Python and without a line of Rust.

It was written from docs/protocol.md and docs/studio.md alone.
It joins a session, owns an instrument, turns its filter, and tries to turn the
filter of an instrument that it does not own. It prints what it says (>) and what
it hears (<), and exits with 0 if the host kept to those documents; if
not, it says in one line why, and exits with 1.

Only the standard library of Python 3 is needed. Start a host, then the client:

    cargo run --example session -- host 127.0.0.1:9999 --name stage
    python3 examples/client.py 127.0.0.1:9999 --name Ana --own 1

With `--stay SECONDS` it listens on for at least so long before it leaves.
"""

import argparse
import json
import socket
import struct
import sys
import time

LONGEST_FRAME = 256 * 1024 * 1024  # no host sends more
PATIENCE = 15  # seconds of silence after which a host is gone


class NotAsPromised(Exception):
    """The host did something else than the document says; the text says what."""


def expect(kept, otherwise):
    if not kept:
        raise NotAsPromised(otherwise)


def only(variant):
    """`{"Name": value}` is `("Name", value)`, and `"Name"` is `("Name", None)`."""
    return (variant, None) if isinstance(variant, str) else next(iter(variant.items()))


def describe(refusal):
    why, content = only(refusal)
    if why != "NotOwner":
        return f"{why} {json.dumps(content)}"
    owner = content["owner"]["name"] if content["owner"] else "nobody"
    return f"instrument {content['instrument']} belongs to {owner}"


class Frames:
    """Messages over TCP: each is JSON, after its length in four bytes."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = self.socket.makefile("rb")

    def send(self, message):
        payload = json.dumps(message).encode()
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def receive(self):
        """The next message, or `None` when the host has closed the connection."""
        head = self.incoming.read(4)
        if not head:
            return None
        expect(len(head) == 4, "the connection ended within a frame")
        (length,) = struct.unpack(">I", head)
        expect(length <= LONGEST_FRAME, f"a frame of {length} bytes was announced")
        payload = self.incoming.read(length)
        expect(len(payload) == length, "the connection ended within a frame")
        return json.loads(payload)


class Client:
    def __init__(self, frames):
        self.frames = frames
        self.number = 0     # of the last action that was sent
        self.through = 0    # of the last action that was decided, ...
        self.contains = 0   # ... and the moment that contains it
        self.rejected = {}  # why, by the number of the action
        self.pinged = False

    # What is said

    def join(self, name, own):
        print(f"> Hello, I am {name} and would like to own instrument {own}")
        self.frames.send({"Hello": {
            "protocol": 3, "model": "imbolc-studio", "model_version": 3,
            "name": name, "own": [own], "privilege": False,
            "codecs": ["json"], "resume": None}})
        answer, welcome = self.hear()
        expect(answer == "Welcome", f"the answer to Hello was {answer}")
        for refused in welcome["refused"]:
            self.leave()
            raise NotAsPromised(f"not granted: {describe(refused['reason'])}")
        expect(own in welcome["granted"], f"instrument {own} was not granted")
        self.me = welcome["client_id"]

    def turn_cutoff(self, instrument, hertz):
        """Waits until it has been decided, and returns why not, or `None`."""
        self.number += 1
        print(f"> action {self.number}: cutoff of instrument {instrument} to {hertz} Hz")
        edit = {"Instrument": [instrument, {"Set": {"Filter": {"Cutoff": hertz}}}]}
        self.frames.send({"Action": {"number": self.number, "action": edit}})
        self.hear_until(lambda: self.through >= self.number, "an action was not acknowledged")
        return self.rejected.get(self.number)

    def leave(self):
        print("> Goodbye")
        self.frames.send("Goodbye")
        while self.frames.incoming.read(4096):
            pass  # what was on its way, of which the end may be missing
        print("< the host has closed the connection")

    # What is heard

    def hear_until(self, done, otherwise):
        end = time.monotonic() + PATIENCE
        while not done():
            expect(time.monotonic() < end, otherwise)
            self.hear()

    def hear(self):
        """Takes in the next message, and answers it if it is a ping."""
        message = self.frames.receive()
        expect(message is not None, "the host has closed the connection")
        kind, content = only(message)
        if kind == "Ping":
            print("< Ping\n> Pong")
            self.pinged = True
            self.frames.send({"Pong": {"nonce": content["nonce"]}})
        elif kind == "Welcome":
            print(f"< Welcome, {content['name']}, you are client {content['client_id']}")
            self.take_state(content["state"])
        elif kind == "FullStateSync":
            self.take_state(content["state"])
        elif kind == "StatePatchUpdate":
            self.take_patch(content)
        elif kind == "ActionsApplied":
            self.through, self.contains = content["through"], content["seq"]
            print(f"< decided up to action {self.through}: see moment {self.contains}")
        elif kind == "ActionRejected":
            self.rejected[content["number"]] = content["reason"]
            print(f"< action {content['number']} is refused: {describe(content['reason'])}")
        elif kind in ("Error", "Shutdown"):
            raise NotAsPromised(f"the host ended it with {json.dumps(message)}")
        elif kind != "Metering":  # which comes often, and is not about what we do
            print(f"< {json.dumps(message)}")
        return kind, content

    def take_state(self, state):
        self.seq, self.owners = state["seq"], state["roster"]["owners"]
        self.instruments = state["model"]["instruments"]
        print(f"< everything, at moment {self.seq}:")
        for id, instrument in self.instruments.items():
            owner = self.owners[id]["name"] if id in self.owners else "nobody"
            print(f"    instrument {id}, {instrument['name']}, belongs to {owner}; "
                  f"cutoff {instrument['filter']['cutoff']} Hz")

    def take_patch(self, patch):
        """Carries out what matters to us: cutoffs, and who owns what."""
        if patch["seq"] <= self.seq:
            return
        expect(patch["base"] == self.seq, f"no patch came for moment {self.seq}")
        changes = patch.get("roster", []) + patch.get("model", [])
        print(f"< moment {patch['seq']}: {json.dumps(changes)}")
        self.seq = patch["seq"]
        for change, value in map(only, changes):
            if change == "Owned":
                self.owners[str(value[0])] = value[1]
            elif change == "Freed":
                self.owners.pop(str(value), None)
            elif change == "Instruments":
                self.instruments = value
            elif change == "Instrument" and "Filter" in value[1]:
                name, setting = only(value[1]["Filter"])
                self.instruments[str(value[0])]["filter"][name.lower()] = setting

    def cutoff(self, instrument):
        return self.instruments[str(instrument)]["filter"]["cutoff"]

    def owns(self, instrument):
        owner = self.owners.get(str(instrument))
        return owner is not None and owner["client_id"] == self.me


def visit(client, name, own, stay):
    client.join(name, own)
    expect(client.owns(own), f"instrument {own} was granted, but the roster does not say so")

    hertz = 880 if client.cutoff(own) != 880 else 440
    refusal = client.turn_cutoff(own, hertz)
    expect(refusal is None, "an edit of one's own instrument was refused")
    client.hear_until(lambda: client.seq >= client.contains, "no patch shows the edit")
    expect(client.cutoff(own) == hertz, f"the cutoff is {client.cutoff(own)} Hz, not {hertz}")
    print(f"  so the cutoff of instrument {own} is {hertz} Hz now, for everyone")

    others = [int(id) for id in client.instruments if not client.owns(id)]
    expect(others, "every instrument is ours, so none can be refused")
    refusal = client.turn_cutoff(others[0], hertz)
    expect(refusal is not None, f"instrument {others[0]} is not ours, and we could edit it")
    expect("NotOwner" in refusal, f"refused for another reason: {describe(refusal)}")

    end = time.monotonic() + stay
    while stay and (time.monotonic() < end or not client.pinged):
        client.hear()  # there is a ping every 5 seconds
    client.leave()


def main():
    parser = argparse.ArgumentParser(description="A guest in an Imbolc session.")
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--name", default="Python", help="what to be called")
    parser.add_argument("--own", type=int, default=1, metavar="ID", help="the instrument to own")
    parser.add_argument("--stay", type=float, default=0, metavar="SECONDS", help="then listen on, and answer at least one ping")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    if not port.isdecimal():
        parser.error(f"{options.address} is not HOST:PORT")
    sys.stdout.reconfigure(line_buffering=True, errors="replace")
    try:
        frames = Frames(host.strip("[]"), int(port))
        visit(Client(frames), options.name, options.own, options.stay)
    except NotAsPromised as broken:
        sys.exit(f"not as promised: {broken}")
    except (OSError, OverflowError) as error:
        sys.exit(f"no connection with {options.address}: {error}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        sys.exit(f"not as promised: a message is not as documented: {error!r}")


if __name__ == "__main__":
    main()
