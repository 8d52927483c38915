"""A client for an Imbolc session in Python, written from docs/protocol.md and
docs/studio.md alone.

It joins a session, takes an instrument, changes its filter, and tries to change
the filter of an instrument that it does not own. It prints the messages that it
sends (>) and receives (<), and exits with 0 if the host follows the documents;
otherwise it prints the violation in one line and exits with 1.

Only the standard library of Python 3 is needed. Start a host, then the client:

    cargo run --example session -- host 127.0.0.1:9999 --name stage
    python3 examples/client.py 127.0.0.1:9999 --name Ana --own 1

With `--stay SECONDS` it stays connected for at least this long before it leaves.
"""

import argparse
import json
import socket
import struct
import sys
import time

LONGEST_FRAME = 256 * 1024 * 1024  # bytes; no host sends more
IDLE_TIMEOUT = 15  # seconds


class ProtocolViolation(Exception):
    """The host does not follow the documents; the text says how."""


def expect(holds, violation):
    if not holds:
        raise ProtocolViolation(violation)


def only(variant):
    """`{"Name": value}` is `("Name", value)`, and `"Name"` is `("Name", None)`."""
    return (variant, None) if isinstance(variant, str) else next(iter(variant.items()))


def describe(refusal):
    why, content = only(refusal)
    if why != "NotOwner":
        return f"{why} {json.dumps(content)}"
    owner = content["owner"]["name"] if content["owner"] else "no participant"
    return f"instrument {content['instrument']} belongs to {owner}"


class Frames:
    """Messages over TCP: four bytes of length, then JSON."""

    longest = LONGEST_FRAME

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=IDLE_TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = self.socket.makefile("rb")

    def send(self, message):
        payload = json.dumps(message).encode()
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def receive(self):
        """Returns the next message, or `None` at the end of the connection."""
        head = self.incoming.read(4)
        if not head:
            return None
        expect(len(head) == 4, "the connection ended within a frame")
        (length,) = struct.unpack(">I", head)
        expect(length <= self.longest, f"a frame of {length} bytes was announced")
        payload = self.incoming.read(length)
        expect(len(payload) == length, "the connection ended within a frame")
        return json.loads(payload)


def printable(text):
    """A text of the host may be anywhere in it, and must not control the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def show(line):
    print(printable(line))


class Client:
    def __init__(self, frames):
        self.frames = frames
        self.number = 0     # of the last action sent
        self.through = 0    # of the last action decided ...
        self.contains = 0   # ... and the seq that contains it
        self.rejected = {}  # refusals by action number
        self.pinged = False

    # Sending

    def join(self, name, own):
        show(f"> Hello, I am {name} and would like to own instrument {own}")
        self.frames.send({"Hello": {
            "protocol": 4, "model": "imbolc-studio", "model_version": 4,
            "name": name, "own": [own], "privilege": False,
            "codecs": ["json"], "resume": None}})
        answer, welcome = self.receive()
        expect(answer == "Welcome", f"the answer to Hello was {answer}")
        for refused in welcome["refused"]:
            self.leave()
            raise ProtocolViolation(f"not granted: {describe(refused['reason'])}")
        expect(own in welcome["granted"], f"instrument {own} was not granted")
        self.me = welcome["client_id"]

    def turn_cutoff(self, instrument, hertz):
        """Waits for the decision. Returns the refusal, or `None`."""
        self.number += 1
        show(f"> action {self.number}: cutoff of instrument {instrument} to {hertz} Hz")
        edit = {"Instrument": [instrument, {"Set": {"Filter": {"Cutoff": hertz}}}]}
        self.frames.send({"Action": {"number": self.number, "action": edit}})
        self.receive_until(lambda: self.through >= self.number, "an action was not acknowledged")
        return self.rejected.get(self.number)

    def leave(self):
        show("> Goodbye")
        self.frames.send("Goodbye")
        while self.frames.incoming.read(4096):
            pass  # messages in flight; the last may be incomplete
        show("< the host has closed the connection")

    # Receiving

    def receive_until(self, done, violation):
        end = time.monotonic() + IDLE_TIMEOUT
        while not done():
            expect(time.monotonic() < end, violation)
            self.receive()

    def receive(self):
        """Handles the next message, and answers a ping."""
        message = self.frames.receive()
        expect(message is not None, "the host has closed the connection")
        kind, content = only(message)
        if kind == "Ping":
            show("< Ping")
            show("> Pong")
            self.pinged = True
            self.frames.send({"Pong": {"nonce": content["nonce"]}})
        elif kind == "Welcome":
            show(f"< Welcome, {content['name']}, you are client {content['client_id']}")
            self.take_state(content["state"])
        elif kind == "FullStateSync":
            self.take_state(content["state"])
        elif kind == "StatePatchUpdate":
            self.take_patch(content)
        elif kind == "ActionsApplied":
            self.through, self.contains = content["through"], content["seq"]
            show(f"< decided up to action {self.through}: contained in seq {self.contains}")
        elif kind == "ActionRejected":
            self.rejected[content["number"]] = content["reason"]
            show(f"< action {content['number']} is refused: {describe(content['reason'])}")
        elif kind in ("Error", "Shutdown"):
            raise ProtocolViolation(f"the host closed the connection with {json.dumps(message)}")
        elif kind != "Metering":  # frequent, and not relevant here
            show(f"< {json.dumps(message)}")
        return kind, content

    def take_state(self, state):
        self.seq, self.owners = state["seq"], state["roster"]["owners"]
        self.instruments = state["model"]["instruments"]
        show(f"< full state, seq {self.seq}:")
        for id, instrument in self.instruments.items():
            owner = self.owners[id]["name"] if id in self.owners else "no participant"
            show(f"    instrument {id}, {instrument['name']}, belongs to {owner}; "
                 f"cutoff {instrument['filter']['cutoff']} Hz")

    def take_patch(self, patch):
        """Applies the changes that matter here: cutoffs and owners."""
        if patch["seq"] <= self.seq:
            return
        expect(patch["base"] == self.seq, f"the patch is not based on seq {self.seq}")
        changes = patch.get("roster", []) + patch.get("model", [])
        show(f"< seq {patch['seq']}: {json.dumps(changes)}")
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


def run(client, name, own, stay):
    client.join(name, own)
    expect(client.owns(own), f"instrument {own} was granted, but the roster does not say so")

    hertz = 880 if client.cutoff(own) != 880 else 440
    refusal = client.turn_cutoff(own, hertz)
    expect(refusal is None, "an edit of an owned instrument was refused")
    client.receive_until(lambda: client.seq >= client.contains, "no patch shows the edit")
    expect(client.cutoff(own) == hertz, f"the cutoff is {client.cutoff(own)} Hz, not {hertz}")
    show(f"  so the cutoff of instrument {own} is {hertz} Hz now, for everyone")

    others = [int(id) for id in client.instruments if not client.owns(id)]
    expect(others, "all instruments are owned by this client, so none can be refused")
    refusal = client.turn_cutoff(others[0], hertz)
    expect(refusal is not None, f"instrument {others[0]} belongs to another participant, but the edit was accepted")
    expect("NotOwner" in refusal, f"refused for another reason: {describe(refusal)}")

    end = time.monotonic() + stay
    while stay and (time.monotonic() < end or not client.pinged):
        client.receive()  # the host pings every 5 seconds
    client.leave()


def main():
    parser = argparse.ArgumentParser(description="A client for an Imbolc session.")
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--name", default="Python", help="your name in the session")
    parser.add_argument("--own", type=int, default=1, metavar="ID", help="the instrument to own")
    parser.add_argument("--stay", type=float, default=0, metavar="SECONDS", help="stay connected this long, and answer at least one ping")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    if not port.isdecimal():
        parser.error(f"{options.address} is not HOST:PORT")
    sys.stdout.reconfigure(line_buffering=True, errors="replace")
    try:
        frames = Frames(host.strip("[]"), int(port))
        run(Client(frames), options.name, options.own, options.stay)
    except ProtocolViolation as violation:
        sys.exit(printable(f"protocol violation: {violation}"))
    except (OSError, OverflowError) as error:
        sys.exit(f"no connection to {options.address}: {error}")
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, StopIteration) as error:
        sys.exit(printable(f"protocol violation: a message is not as documented: {error!r}"))


if __name__ == "__main__":
    main()
