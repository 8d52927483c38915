"""Applies the patches of an Imbolc session to its state, in Python.

`put_patch(state, patch)` applies every change that a host sends, as described in
docs/studio.md under "Changes". State and patch are the values that `json.loads`
returns. The order of automation lanes is not preserved.

A test applies random patches with this file and compares the states with the
host's. It is a starting point for a client in another language.
"""

import copy
import re

SOURCES = {
    "Oscillator": dict(wave="Saw", detune=0.0, width=0.5, sub=0.0),
    "SuperSaw": dict(voices=7, detune=25.0, spread=0.8, mix=0.6, sub=0.0),
    "SyncSaw": dict(ratio=2.0, sweep=0.0, detune=0.0, level=0.0),
    "Wavetable": dict(table=None, position=0.0, sweep=0.0, detune=0.0, voices=1, spread=0.5),
    "Noise": dict(colour="White", density=0.5, tone=0.0),
    "Fm": dict(ratio=2.0, index=2.0, feedback=0.0),
    "FourOperator": dict(algorithm="Stack", ratio2=1.0, ratio3=2.0, ratio4=3.0,
                         index2=1.0, index3=0.5, index4=0.25, feedback=0.0),
    "RingModulation": dict(ratio=1.5, wave="Sine", detune=0.0, mix=1.0),
    "Pluck": dict(damping=0.3, brightness=0.6, place=0.2),
    "Bow": dict(pressure=0.5, speed=0.5, place=0.13, vibrato=0.1, damping=0.2),
    "Pipe": dict(breath=0.6, noise=0.2, jet=0.4, vibrato=0.1, stopped=False),
    "Mallet": dict(hardness=0.5, place=0.3, decay=1.5, inharmonicity=0.5, tremolo=0.0),
    "Membrane": dict(tension=0.5, hardness=0.4, place=0.3, decay=0.6),
    "Kick": dict(tone=50.0, sweep=0.06, decay=0.4, click=0.3),
    "Snare": dict(tone=180.0, wires=0.6, brightness=0.6, decay=0.2),
    "HiHat": dict(tone=6000.0, metal=0.5, decay=0.3, closed=1.0),
    "Clap": dict(hands=4, spread=0.03, tone=1200.0, decay=0.2),
    "Tom": dict(tone=110.0, sweep=0.5, decay=0.5, noise=0.15),
    "Cowbell": dict(tone=540.0, ratio=1.48, decay=0.3),
    "Sampler": dict(sample=None, root=60, start=0.0, end=1.0, looping="Once",
                    reverse=False, transpose=0, gain=0.0),
    "DrumKit": dict(tune=0, sensitivity=0.8, decay=1.0),
    "Granular": dict(sample=None, position=0.0, scatter=0.1, rate=25.0, size=0.08,
                     detune=0.0, spread=0.5, root=60),
    "Additive": dict(harmonics=16, slope=0.5, odd_even=0.5, stretch=0.0, detune=0.0),
    "AudioInput": dict(channel=1, gain=0.0, gate=-120.0, monitor=True),
    "BusInput": dict(bus=None, gain=0.0, keyed=False),
    "Vst": dict(definition=None, touched={}, saved=None),
    "SynthDef": dict(definition=None, touched={}, saved=None),
}
BANDS = dict(low=80.0, low_mid=250.0, mid=800.0, high_mid=2500.0, presence=6000.0, high=12000.0)
EFFECTS = {
    "Filter": dict(kind="LowPass", cutoff=8000.0, resonance=0.1, sweep=0.0, tracking=0.0),
    "Equaliser": {band: dict(frequency=at, gain=0.0, quality=0.7) for band, at in BANDS.items()},
    "Distortion": dict(curve="Soft", drive=0.3, tone=8000.0, level=0.0, mix=1.0),
    "BitCrusher": dict(bits=8, rate=11025.0, dither=0.0, mix=1.0),
    "Delay": dict(time=0.375, sync=None, feedback=0.35, damping=6000.0, ping_pong=False, mix=0.25),
    "Reverb": dict(size=0.5, decay=2.0, pre_delay=0.02, damping=0.4, width=1.0, mix=0.25),
    "Convolution": dict(impulse=None, pre_delay=0.0, length=1.0, gain=0.0, mix=0.25),
    "Chorus": dict(rate=0.6, depth=0.3, delay=0.015, voices=3, spread=0.7, mix=0.4),
    "Flanger": dict(rate=0.2, depth=0.6, delay=0.003, feedback=0.4, mix=0.5),
    "Phaser": dict(rate=0.3, centre=800.0, depth=1.5, feedback=0.3, mix=0.5),
    "Tremolo": dict(shape="Sine", rate=5.0, sync=None, depth=0.5, phase=0.0),
    "Compressor": dict(threshold=-18.0, ratio=4.0, attack=0.01, release=0.1, makeup=0.0,
                       side_chain=None, mix=1.0),
    "Limiter": dict(ceiling=-1.0, drive=0.0, look_ahead=0.005, release=0.05),
    "Gate": dict(threshold=-40.0, floor=-80.0, attack=0.001, hold=0.05, release=0.1),
    "Vst": dict(definition=None, touched={}, saved=None),
}
REGION = dict(start=0, end=3840)
TRACK = dict(voices="Poly", armed=False, looping=False, region=REGION, notes=[])
BUS = dict(level=0.0, pan=0.0, mute=False, solo=False, chain=[])
LAYER_GROUP = dict(level=0.0, mute=False, solo=False)
PAD = dict(name="Pad", sound="Nothing", level=0.0, pan=0.0, pitch=0, reverse=False, chokes=None)
PATTERN = dict(name="Pattern", length=16, resolution="Sixteenth", steps=[])
MACHINE = dict(swing=0.0, chained=False, current=1, chain=[], pads={},
               patterns={"1": PATTERN}, chopper=dict(sample=None, slices={}))
GROUPS = {"filter", "amp", "lfo", "arpeggiator", "groove", "tuning", "click", "humanise", *BANDS}


def new(default, **given):
    return {**copy.deepcopy(default), **given}


def only(variant):                          # {"Name": value} -> "Name", value
    return (variant, None) if isinstance(variant, str) else next(iter(variant.items()))


def field(name):                            # "PreFader" -> "pre_fader"
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def put(parameters, setting):               # {"Cutoff": 440.1}, {"Filter": {"Cutoff": 440.1}}
    name, value = only(setting)
    if field(name) in GROUPS and isinstance(parameters[field(name)], dict):
        put(parameters[field(name)], value)
    elif name == "Chain" and "patterns" not in parameters:
        put_chain(parameters["chain"], value)
    else:
        parameters[field(name)] = value


def put_kind(holder, part, kinds, setting): # a source, or an effect
    name, value = only(setting)
    if name == "Kind":
        holder[part] = {value: new(kinds[value])}
    elif name in ("Vst", "SynthDef"):
        put_loaded(holder[part][name], value)
    else:
        put(holder[part][name], value)


def put_loaded(loaded, setting):
    name, value = only(setting)
    if name in ("Load", "Unload"):
        loaded.update(definition=value, touched={}, saved=None)
    elif name == "Set":
        loaded["touched"][str(value[0])] = value[1]
    elif name == "Reset":
        loaded["touched"].pop(str(value), None)
    else:
        loaded["saved"] = value


def put_chain(chain, setting):
    name, value = only(setting)
    at = value if name == "Remove" else value[0]
    slot = next((slot for slot in chain if slot["id"] == at), None)
    if name in ("Remove", "Move"):
        chain.remove(slot)
    if name == "Add":
        effect = {value[1]: new(EFFECTS[value[1]])}
        chain.insert(value[2], {"id": at, "bypass": False, "effect": effect})
    elif name == "Move":
        chain.insert(value[1], slot)
    elif name == "Bypass":
        slot["bypass"] = value[1]
    elif name == "Effect":
        put_kind(slot, "effect", EFFECTS, value[1])


def put_instrument(instrument, setting):
    name, value = only(setting)
    if name == "Source":
        put_kind(instrument, "source", SOURCES, value)
    elif name == "Sends":
        what, inner = only(value)
        if what == "Add":
            instrument["sends"][str(inner)] = {"level": -12.0, "pre_fader": False}
        elif what == "Remove":
            del instrument["sends"][str(inner)]
        else:
            put(instrument["sends"][str(inner[0])], inner[1])
    else:
        put(instrument, setting)


def put_session(session, setting):
    name, value = only(setting)
    if name == "Midi":
        put_item(session["midi"], "mappings", value)
    else:
        put(session, setting)


def put_item(holder, items, setting):       # a holder of settings and one map
    name, value = only(setting)
    if name == "Put":
        holder[items][str(value[0])] = value[1]
    elif name == "Remove":
        del holder[items][str(value)]
    else:
        put(holder, setting)


def put_mixer(mixer, setting):
    name, value = only(setting)
    if name == "Master":
        put(mixer["master"], value)
        return
    strips = mixer["layer_groups" if name.endswith("LayerGroup") else "buses"]
    if name.startswith("Add"):
        default = LAYER_GROUP if name.endswith("LayerGroup") else BUS
        strips[str(value[0])] = new(default, name=value[1])
    elif name.startswith("Delete"):
        del strips[str(value)]
    else:
        put(strips[str(value[0])], value[1])


def put_registry(registry, setting):
    name, value = only(setting)
    definitions = registry["plugins" if name.endswith("Plugin") else "synth_defs"]
    if name.startswith("Add"):
        definitions[str(value[0])] = value[1]
    else:
        del definitions[str(value)]


def put_notes(holder, change):              # of an existing track or clip
    name, value = only(change)
    place = lambda note: (note["tick"], note["pitch"])
    if name == "Set":
        put(holder, value)
        return
    at = place(value) if name == "Put" else tuple(value)
    notes = [note for note in holder["notes"] if place(note) != at]
    holder["notes"] = sorted(notes + [value], key=place) if name == "Put" else notes


def put_track(tracks, instrument, change):
    if "Whole" in change:
        tracks[instrument] = change["Whole"]
    else:
        put_notes(tracks[instrument], change)


def put_drums(drums, instrument, change):
    if "Whole" in change:
        drums[instrument] = change["Whole"]
        return
    machine, (name, value) = drums[instrument], only(change["Set"])
    if name == "AddPattern":
        machine["patterns"][str(value)] = new(PATTERN)
    elif name == "DeletePattern":
        del machine["patterns"][str(value)]
    elif name == "Pattern":
        put_pattern(machine["patterns"][str(value[0])], value[1])
    elif name == "Pad":
        pad = machine["pads"].pop(str(value[0]), new(PAD))
        put(pad, value[1])
        if pad != PAD:
            machine["pads"][str(value[0])] = pad
    elif name == "Chopper":
        put_item(machine["chopper"], "slices", value)
    else:
        put(machine, change["Set"])


def put_pattern(pattern, setting):
    name, value = only(setting)
    place = lambda step: (step["pad"], step["step"])
    if name not in ("On", "Off"):
        put(pattern, setting)
        return
    at = place(value) if name == "On" else tuple(value)
    steps = [step for step in pattern["steps"] if place(step) != at]
    pattern["steps"] = sorted(steps + [value], key=place) if name == "On" else steps


def sync_with_instruments(studio):          # tracks, machines, clips, lanes
    there = studio["instruments"]
    kits = [id for id in there if "DrumKit" in there[id]["source"]]
    tracks, drums, parts = studio["piano_roll"], studio["drums"], studio["arrangement"]["parts"]
    studio["piano_roll"] = {id: tracks.get(id) or new(TRACK) for id in there}
    studio["drums"] = {id: drums.get(id) or new(MACHINE) for id in kits}
    studio["arrangement"]["parts"] = {id: parts[id] for id in parts if id in there}
    studio["automation"] = [
        pair for pair in studio["automation"] if instrument_of(pair[0]) in [None, *there]]


def put_part(parts, instrument, where, id, change):
    part = parts.setdefault(instrument, {"clips": {}, "placements": {}})
    if change == "Gone":
        del part[where][id]
    elif "Whole" in change:
        part[where][id] = change["Whole"]
    else:
        put_notes(part[where][id], change)
    if not part["clips"]:
        del parts[instrument]


def put_placement(parts, instrument, change):
    name, value = only(change)
    id, placement = (value[0], {"Whole": value[1]}) if name == "Put" else (value, "Gone")
    put_part(parts, instrument, "placements", str(id), placement)


def put_lane(lanes, target, change):        # a list of [target, lane]
    lane = next((lane for at, lane in lanes if at == target), None)
    if change == "Gone" or "Whole" in change:
        lanes[:] = [pair for pair in lanes if pair[0] != target]
        if change != "Gone":
            lanes.append([target, change["Whole"]])
    elif "Set" in change:
        put(lane, change["Set"])
    elif "Put" in change:
        point = dict(change["Put"])
        lane["points"][str(point.pop("tick"))] = point
    else:
        del lane["points"][str(change["Remove"])]


def instrument_of(target):                  # {"Instrument": [1, "Level"]} -> "1"
    name, value = only(target)
    if name == "Hosted":                    # {"Hosted": [{"Slot": [1, 3]}, 0]} -> "1"
        name, value = only(value[0])
        value = [value] if name == "Source" else value
    return str(value[0]) if name in ("Instrument", "Pad", "Drums", "Source", "Slot") else None


def put_studio(studio, change):
    name, value = only(change)
    if name == "Session":
        put_session(studio["session"], value)
    elif name == "Transport":
        put(studio["transport"], value)
    elif name == "Registry":
        put_registry(studio["registry"], value)
    elif name == "Mixer":
        put_mixer(studio["mixer"], value)
    elif name == "WholeMixer":
        studio["mixer"] = value
    elif name == "Instruments":
        studio["instruments"] = value
        sync_with_instruments(studio)
    elif name == "Instrument":
        put_instrument(studio["instruments"][str(value[0])], value[1])
        sync_with_instruments(studio)       # the kind of source may have changed
    elif name == "Key":
        keys, (what, key) = studio["instruments"][str(value[0])]["sounding"], only(value[1])
        if what == "Down":
            keys[str(key[0])] = key[1]
        else:
            del keys[str(key)]
    elif name == "PianoRoll":
        put_track(studio["piano_roll"], str(value[0]), value[1])
    elif name == "WholePianoRoll":
        studio["piano_roll"] = value
    elif name == "Drums":
        put_drums(studio["drums"], str(value[0]), value[1])
    elif name == "Arrangement":
        put(studio["arrangement"], value)
    elif name == "Clip":
        put_part(studio["arrangement"]["parts"], str(value[0]), "clips", str(value[1]), value[2])
    elif name == "Placement":
        put_placement(studio["arrangement"]["parts"], str(value[0]), value[1])
    elif name == "Lane":
        put_lane(studio["automation"], value[0], value[1])
    elif name == "Project":
        put(studio["projects"], value)


def put_roster(roster, change):
    name, value = only(change)
    if name == "Participant":
        roster["participants"][str(value[0])] = value[1]
    elif name == "Left":
        roster["participants"].pop(str(value), None)
    elif name == "Owned":
        roster["owners"][str(value[0])] = value[1]
    elif name == "Freed":
        roster["owners"].pop(str(value), None)
    else:
        roster["privileged"] = value


def put_patch(state, patch):                # the caller has checked `base`
    for change in patch.get("roster", []):
        put_roster(state["roster"], change)
    for change in patch.get("model", []):
        put_studio(state["model"], change)
    state["seq"] = patch["seq"]
