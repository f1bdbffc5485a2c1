#pragma once
// The first look at a text input, before it is taken apart.

#include "monitor/winlog/text_window.h"

namespace blockwatch::winlog {

// Reads until the first characters can be told, and checks that they are of `format`. True when
// there is nothing but white space, which is an empty log. The text stays in the window.
Result<bool> check_start(TextWindow& window, EventFormat format);

}  // namespace blockwatch::winlog
