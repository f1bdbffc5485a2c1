#pragma once
// What the two parts of the false fwpuclnt.dll have in common.

#include <windows.h>

// The handle of every session. A session from before a restart has another one.
HANDLE fake_engine();
void restart_fake_engine();

// What the function is to answer instead of its work: what the table says, and for the session of
// an engine that was restarted RPC_S_SERVER_UNAVAILABLE. 0: its work.
DWORD fake_error_of(const wchar_t* function, HANDLE engine);
