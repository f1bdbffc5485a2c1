#pragma once
// The functions of wevtapi.dll that we call. The library is taken from the system folder only: a
// file of this name beside the program would run with its rights.

#include <windows.h>
// After windows.h, which it needs.
#include <winevt.h>

#include <memory>
#include <type_traits>

namespace blockwatch {

struct Wevtapi {
  decltype(&::EvtSubscribe) subscribe = nullptr;
  decltype(&::EvtQuery) query = nullptr;
  decltype(&::EvtSeek) seek = nullptr;
  decltype(&::EvtNext) next = nullptr;
  decltype(&::EvtCreateRenderContext) create_render_context = nullptr;
  decltype(&::EvtRender) render = nullptr;
  decltype(&::EvtCreateBookmark) create_bookmark = nullptr;
  decltype(&::EvtOpenLog) open_log = nullptr;
  decltype(&::EvtGetLogInfo) get_log_info = nullptr;
  decltype(&::EvtOpenChannelConfig) open_channel_config = nullptr;
  decltype(&::EvtGetChannelConfigProperty) get_channel_config_property = nullptr;
  decltype(&::EvtClose) close = nullptr;

  // 0, or the Windows error. The library stays loaded as long as the program runs.
  DWORD load() {
    HMODULE library = LoadLibraryExW(L"wevtapi.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (library == nullptr) return GetLastError();
    bool all = true;
    const auto find = [&](const char* name, auto& function) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
          reinterpret_cast<void*>(GetProcAddress(library, name)));
      all = all && function != nullptr;
    };
    find("EvtSubscribe", subscribe);
    find("EvtQuery", query);
    find("EvtSeek", seek);
    find("EvtNext", next);
    find("EvtCreateRenderContext", create_render_context);
    find("EvtRender", render);
    find("EvtCreateBookmark", create_bookmark);
    find("EvtOpenLog", open_log);
    find("EvtGetLogInfo", get_log_info);
    find("EvtOpenChannelConfig", open_channel_config);
    find("EvtGetChannelConfigProperty", get_channel_config_property);
    find("EvtClose", close);
    return all ? 0 : ERROR_PROC_NOT_FOUND;
  }
};

struct EvtCloser {
  decltype(&::EvtClose) close = nullptr;
  void operator()(EVT_HANDLE handle) const { close(handle); }
};
using EvtHandle = std::unique_ptr<void, EvtCloser>;

}  // namespace blockwatch
