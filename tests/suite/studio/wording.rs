//! How actions and changes are written: whoever joins with twenty lines of
//! Python depends on every letter of it.

use std::fmt::Debug;

use imbolc_net::studio::{NetworkAction, StudioChange};
use serde::{Serialize, de::DeserializeOwned};

fn assert_written<T: Serialize + DeserializeOwned + Debug>(examples: &[&str]) {
    for json in examples {
        let value: T = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e} in {json}"));
        assert_eq!(&serde_json::to_string(&value).unwrap(), json);
    }
}

#[test]
fn actions_are_written_like_this() {
    assert_written::<NetworkAction>(&[
        r#"{"AddInstrument":{"id":3001,"name":"Strings","source":"Fm"}}"#,
        r#"{"DeleteInstrument":3001}"#,
        r#"{"Instrument":[1,{"Set":{"Name":"Sub bass"}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Source":{"Kind":"Pluck"}}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Source":{"Pluck":{"Damping":0.3}}}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Filter":{"Cutoff":1234.5}}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Amp":{"Attack":0.01}}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Level":-6.0}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Output":"Master"}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Output":{"Bus":2}}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Sends":{"Add":2}}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Sends":{"Set":[2,{"Level":-9.0}]}}}]}"#,
        r#"{"Instrument":[1,{"Set":{"Sends":{"Remove":2}}}]}"#,
        r#"{"Instrument":[1,{"Play":[60,100]}]}"#,
        r#"{"Instrument":[1,{"Release":60}]}"#,
        r#"{"Instrument":[1,"ReleaseAll"]}"#,
        r#"{"PianoRoll":[1,{"Add":{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}}]}"#,
        r#"{"PianoRoll":[1,{"Remove":[0,60]}]}"#,
        r#"{"PianoRoll":[1,{"Move":{"tick":0,"pitch":60,"to_tick":480,"to_pitch":62}}]}"#,
        r#"{"PianoRoll":[1,{"Resize":[0,60,240]}]}"#,
        r#"{"PianoRoll":[1,{"Velocity":[0,60,90]}]}"#,
        r#"{"PianoRoll":[1,{"Paste":[{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}]}]}"#,
        r#"{"PianoRoll":[1,{"Probability":[0,60,75]}]}"#,
        r#"{"PianoRoll":[1,{"DeleteRegion":{"start":0,"end":3840}}]}"#,
        r#"{"PianoRoll":[1,"Clear"]}"#,
        r#"{"PianoRoll":[1,{"Set":{"Voices":"Mono"}}]}"#,
        r#"{"PianoRoll":[1,{"Set":{"Armed":true}}]}"#,
        r#"{"PianoRoll":[1,{"Set":{"Looping":true}}]}"#,
        r#"{"PianoRoll":[1,{"Set":{"Region":{"start":0,"end":960}}}]}"#,
        r#"{"Clip":[1,{"Create":{"clip":1,"name":"Verse","length":1920}}]}"#,
        r#"{"Clip":[1,{"Capture":{"clip":2,"name":"Riff","region":{"start":0,"end":1920}}}]}"#,
        r#"{"Clip":[1,{"Rename":[1,"Chorus"]}]}"#,
        r#"{"Clip":[1,{"Resize":[1,960]}]}"#,
        r#"{"Clip":[1,{"Put":[1,{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}]}]}"#,
        r#"{"Clip":[1,{"Take":[1,0,60]}]}"#,
        r#"{"Clip":[1,{"Delete":1}]}"#,
        r#"{"Placement":[1,{"Place":{"placement":1,"clip":2,"tick":3840}}]}"#,
        r#"{"Placement":[1,{"Move":[1,1920]}]}"#,
        r#"{"Placement":[1,{"Resize":[1,960]}]}"#,
        r#"{"Placement":[1,{"Duplicate":{"placement":1,"copy":2,"tick":5760}}]}"#,
        r#"{"Placement":[1,{"Remove":1}]}"#,
        r#"{"Arrangement":{"Play":"Arrangement"}}"#,
        r#"{"Arrangement":{"AtEnd":"Stop"}}"#,
        r#"{"Automation":[{"Instrument":[1,"FilterCutoff"]},"Add"]}"#,
        r#"{"Automation":[{"Instrument":[1,"FilterCutoff"]},"Delete"]}"#,
        r#"{"Automation":[{"Send":[1,2]},{"Set":{"Armed":true}}]}"#,
        r#"{"Automation":[{"Bus":[2,"Pan"]},{"Set":{"Enabled":false}}]}"#,
        r#"{"Automation":[{"Master":"Level"},{"Put":{"tick":480,"value":0.5,"curve":"Linear"}}]}"#,
        r#"{"Automation":[{"Session":"Tempo"},{"Move":[480,{"tick":960,"value":0.5,"curve":"Hold"}]}]}"#,
        r#"{"Automation":[{"Session":"Tempo"},{"Remove":480}]}"#,
        r#"{"Automation":[{"Session":"Tempo"},{"DeleteRegion":{"start":0,"end":3840}}]}"#,
        r#"{"Automation":[{"Session":"Tempo"},{"CopyRegion":[{"start":0,"end":3840},3840]}]}"#,
        r#"{"Automation":[{"Session":"Tempo"},{"Paste":{"480":{"value":0.5,"curve":"SlowStart"}}}]}"#,
        r#"{"Session":{"Tempo":128.0}}"#,
        r#"{"Session":{"TimeSignature":{"beats":7,"unit":8}}}"#,
        r#"{"Transport":"Play"}"#,
        r#"{"Transport":{"Locate":1920}}"#,
        r#"{"Transport":{"Record":true}}"#,
        r#"{"Transport":{"Loop":true}}"#,
        r#"{"Transport":{"Region":{"start":0,"end":3840}}}"#,
        r#"{"Mixer":{"AddBus":[2,"Reverb"]}}"#,
        r#"{"Mixer":{"DeleteBus":2}}"#,
        r#"{"Mixer":{"Bus":[2,{"Mute":true}]}}"#,
        r#"{"Mixer":{"Master":{"Level":-3.0}}}"#,
    ]);
}

#[test]
fn changes_are_written_like_this() {
    assert_written::<StudioChange>(&[
        r#"{"Session":{"Tempo":128.0}}"#,
        r#"{"Transport":{"Playing":true}}"#,
        r#"{"Transport":{"Position":1920}}"#,
        r#"{"Mixer":{"Bus":[2,{"Level":-3.0}]}}"#,
        r#"{"WholeMixer":{"master":{"level":0.0,"pan":0.0,"mute":false},"buses":{"2":{"name":"Reverb","level":0.0,"pan":0.0,"mute":false,"solo":false}}}}"#,
        concat!(
            r#"{"Instruments":{"1":{"name":"Bass","#,
            r#""source":{"Oscillator":{"wave":"Saw","detune":0.0,"width":0.5,"sub":0.0}},"#,
            r#""filter":{"kind":"LowPass","cutoff":8000.0,"resonance":0.1,"sweep":0.0,"tracking":0.0},"#,
            r#""amp":{"attack":0.005,"decay":0.1,"sustain":0.8,"release":0.2},"#,
            r#""level":-6.0,"pan":0.0,"mute":false,"solo":false,"output":{"Bus":2},"#,
            r#""sends":{"2":{"level":-12.0,"pre_fader":false}},"sounding":{"60":100}}}}"#,
        ),
        r#"{"Instrument":[1,{"Filter":{"Cutoff":1234.5}}]}"#,
        r#"{"Key":[1,{"Down":[60,100]}]}"#,
        r#"{"Key":[1,{"Up":60}]}"#,
        r#"{"PianoRoll":[1,{"Put":{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}}]}"#,
        r#"{"PianoRoll":[1,{"Remove":[0,60]}]}"#,
        r#"{"PianoRoll":[1,{"Set":{"Voices":"Mono"}}]}"#,
        r#"{"PianoRoll":[1,{"Whole":{"voices":"Poly","armed":false,"looping":false,"region":{"start":0,"end":3840},"notes":[]}}]}"#,
        r#"{"WholePianoRoll":{"1":{"voices":"Poly","armed":false,"looping":false,"region":{"start":0,"end":3840},"notes":[{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}]}}}"#,
        r#"{"Arrangement":{"Play":"Arrangement"}}"#,
        r#"{"Clip":[1,2,{"Whole":{"name":"Verse","length":1920,"notes":[]}}]}"#,
        r#"{"Clip":[1,2,{"Set":{"Name":"Chorus"}}]}"#,
        r#"{"Clip":[1,2,{"Put":{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}}]}"#,
        r#"{"Clip":[1,2,{"Remove":[0,60]}]}"#,
        r#"{"Clip":[1,2,"Gone"]}"#,
        r#"{"Placement":[1,{"Put":[1,{"clip":2,"tick":3840,"length":1920}]}]}"#,
        r#"{"Placement":[1,{"Remove":1}]}"#,
        r#"{"Lane":[{"Instrument":[1,"Level"]},{"Set":{"Armed":true}}]}"#,
        r#"{"Lane":[{"Instrument":[1,"Level"]},{"Put":{"tick":480,"value":0.5,"curve":"Smooth"}}]}"#,
        r#"{"Lane":[{"Instrument":[1,"Level"]},{"Remove":480}]}"#,
        r#"{"Lane":[{"Bus":[2,"Mute"]},{"Whole":{"enabled":true,"armed":false,"points":{"480":{"value":0.5,"curve":"SlowEnd"}}}}]}"#,
        r#"{"Lane":[{"Send":[1,2]},"Gone"]}"#,
    ]);
}
