//! The start state of random actions; most of them would be refused in an empty studio.

use imbolc_net::{
    model::Model,
    studio::{Studio, StudioState},
};

/// A studio with at least one part of every kind, so that random actions can edit and delete it.
pub fn at_work() -> StudioState {
    let mut state = StudioState::starter();
    let row = |name| format!(r#"{{"name":"{name}","min":-2.0,"max":1.5,"default":0.5}}"#);
    let table = format!(r#"{{"name":"x","parameters":[{},{}]}}"#, row("a"), row("b"));
    let tables = [
        format!(r#"{{"Registry":{{"AddPlugin":[0,{table}]}}}}"#),
        format!(r#"{{"Registry":{{"AddPlugin":[1,{table}]}}}}"#),
        format!(r#"{{"Registry":{{"AddSynthDef":[0,{table}]}}}}"#),
    ];
    let rest = [
        r#"{"Mixer":{"AddBus":[0,"A"]}}"#,
        r#"{"Mixer":{"AddBus":[1,"B"]}}"#,
        r#"{"Mixer":{"AddLayerGroup":[0,"Keys"]}}"#,
        r#"{"Mixer":{"Bus":[0,{"Chain":{"Add":[0,"Compressor",0]}}]}}"#,
        r#"{"Mixer":{"Master":{"Chain":{"Add":[0,"Vst",0]}}}}"#,
        r#"{"AddInstrument":{"id":5,"name":"Plug-in","source":"Vst"}}"#,
        r#"{"AddInstrument":{"id":6,"name":"Drone","source":"SynthDef"}}"#,
        r#"{"Instrument":[5,{"Set":{"Source":{"Vst":{"Load":0}}}}]}"#,
        r#"{"Instrument":[5,{"Set":{"Chain":{"Add":[0,"Compressor",0]}}}]}"#,
        r#"{"Instrument":[5,{"Set":{"Chain":{"Add":[1,"Vst",0]}}}]}"#,
        r#"{"Instrument":[5,{"Set":{"Chain":{"Add":[2,"Equaliser",1]}}}]}"#,
        r#"{"Instrument":[5,{"Set":{"LayerGroup":0}}]}"#,
        r#"{"Instrument":[3,{"Set":{"Source":{"Kind":"BusInput"}}}]}"#,
        r#"{"Instrument":[3,{"Set":{"Source":{"BusInput":{"Bus":1}}}}]}"#,
        r#"{"Instrument":[5,{"Set":{"Chain":{"Effect":[0,{"Compressor":{"SideChain":1}}]}}}]}"#,
        r#"{"Instrument":[5,{"Set":{"Chain":{"Effect":[1,{"Vst":{"Load":1}}]}}}]}"#,
        r#"{"Instrument":[5,{"Set":{"Source":{"Vst":{"Set":[1,0.25]}}}}]}"#,
        r#"{"Instrument":[6,{"Set":{"Source":{"SynthDef":{"Load":0}}}}]}"#,
        r#"{"Mixer":{"Master":{"Chain":{"Effect":[0,{"Vst":{"Load":0}}]}}}}"#,
        r#"{"Session":{"Midi":{"Put":[0,{"channel":null,"controller":1,"target":{"Bus":[1,"Pan"]},"from":0.0,"to":1.0}]}}}"#,
        r#"{"Drums":[4,{"Set":{"AddPattern":0}}]}"#,
        r#"{"Drums":[4,{"Set":{"Chain":[0,1,0]}}]}"#,
        r#"{"Drums":[4,{"Chop":4}]}"#,
        r#"{"Drums":[4,{"AssignSlices":0}]}"#,
        r#"{"Drums":[4,{"Set":{"Pad":[15,{"Sound":{"Instrument":[5,60]}}]}}]}"#,
        r#"{"Drums":[4,{"Euclid":{"pattern":0,"pad":0,"hits":16,"rotation":0}}]}"#,
    ];
    for json in tables.iter().map(String::as_str).chain(rest) {
        let action = serde_json::from_str(json).unwrap();
        Studio::reduce(&mut state, &action).unwrap();
    }
    state
}
