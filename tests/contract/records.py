"""Security-log records as rendered XML: one of every kind the contract knows, as Windows writes them."""

SYSTEM = ("<System><Provider Name='Microsoft-Windows-Security-Auditing' "
          "Guid='{{54849625-5478-4994-a5ba-3e3b0328c30d}}'/><EventID>{id}</EventID>"
          "<Version>{version}</Version><Level>0</Level><Task>12810</Task><Opcode>0</Opcode>"
          "<Keywords>0x8010000000000000</Keywords><TimeCreated SystemTime='{time}'/>"
          "<EventRecordID>{record}</EventRecordID><Correlation/>"
          "<Execution ProcessID='4' ThreadID='80'/><Channel>Security</Channel>"
          "<Computer>{host}</Computer><Security/></System>")
PROGRAM = r"\device\harddiskvolume2\tools\net & co\listener.exe"
INBOUND, OUTBOUND = "%%14592", "%%14593"


def flow(**more):
    data = {"ProcessID": 3936, "Application": PROGRAM, "Direction": INBOUND,
            "SourceAddress": "192.0.2.15", "SourcePort": 8080, "DestAddress": "198.51.100.7",
            "DestPort": 52114, "Protocol": 6, "FilterRTID": 68996, "LayerName": "%%14610",
            "LayerRTID": 44, "RemoteUserID": "S-1-0-0", "RemoteMachineID": "S-1-0-0"}
    return {**data, **more}


def bind(layer, layer_id, **more):
    data = {"ProcessId": 2628, "Application": PROGRAM, "SourceAddress": "0.0.0.0",
            "SourcePort": 5555, "Protocol": 6, "FilterRTID": 84576, "LayerName": layer,
            "LayerRTID": layer_id}
    return {**data, **more}


KINDS = [
    (5157, 1, flow()),
    (5157, 1, flow(Direction=OUTBOUND, LayerName="%%14611", LayerRTID=48, Application="System",
                   ProcessID=4, SourcePort=50211, DestPort=443)),
    (5157, 3, flow(SourceAddress="2001:db8::7", SourcePort=50001, DestAddress="2001:db8::15",
                   DestPort=445, InterfaceIndex=10, FilterOrigin="Default Inbound",
                   RemoteUserID="S-1-5-18", LayerRTID=46, FilterRTID=70377)),
    (5152, 0, {"ProcessId": 0, "Application": "-", "Direction": INBOUND,
               "SourceAddress": "198.51.100.7", "SourcePort": 59639,
               "DestAddress": "192.0.2.15", "DestPort": 3389, "Protocol": 6,
               "FilterRTID": 67607, "LayerName": "%%14597", "LayerRTID": 13}),
    (5152, 1, {"ProcessId": 4, "Application": "System", "Direction": INBOUND,
               "SourceAddress": "198.51.100.8", "SourcePort": 0, "DestAddress": "192.0.2.15",
               "DestPort": 8, "Protocol": 1, "FilterOrigin": "Quarantine Default",
               "FilterRTID": 67249, "LayerName": "%%14610", "LayerRTID": 44}),
    (5155, 0, bind("%%14609", 40)),
    (5159, 0, bind("%%14608", 36, Protocol=17)),
    (5031, 0, {"Profiles": "Public", "Application": r"C:\tools\server.exe"}),
]


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def rendered_xml(count, first=1, **more):
    """`count` records, all kinds in turn, a second apart, record ids from `first`; `more` replaces
    values of EventData."""
    out = []
    for i in range(first, first + count):
        number, version, data = KINDS[i % len(KINDS)]
        fields = "".join(f"<Data Name='{k}'>{escape(v)}</Data>" for k, v in {**data, **more}.items())
        time = f"2026-03-11T{9 + i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}.5123404Z"
        system = SYSTEM.format(id=number, version=version, time=time, record=319457000 + i,
                               host="PC01.example.org")
        out.append("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>"
                   f"{system}<EventData>{fields}</EventData></Event>")
    return "\n".join(out).encode()
