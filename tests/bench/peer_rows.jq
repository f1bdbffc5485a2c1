# evtx_dump's JSON lines as CSV rows for `sqlite3 .import`.
.Event as $e | $e.System as $s | $e.EventData as $d
| ($s.EventID | if type == "object" then .["#text"] else . end) as $id
| select($id == 5031 or ($id >= 5150 and $id <= 5153) or $id == 5155 or $id == 5157 or $id == 5159)
| [$s.EventRecordID, $s.TimeCreated["#attributes"].SystemTime, $id, $s.Computer,
   ($d.ProcessID // $d.ProcessId), $d.Application, $d.Direction, $d.SourceAddress, $d.SourcePort,
   $d.DestAddress, $d.DestPort, $d.Protocol, ([$d[] | tostring] | join("|"))]
| @csv
