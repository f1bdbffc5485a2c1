// Packs the contract and its page into a C++ file: node embed.mjs OUTPUT.cpp, run where
// node_modules is (see CMakeLists.txt).

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(process.cwd(), "package.json"));
const yaml = require("js-yaml");
const swagger = dirname(require.resolve("swagger-ui-dist/package.json"));

const own = (name) => readFileSync(join(here, name));
const theirs = (name) => readFileSync(join(swagger, name));

const contract = own("openapi.yaml");
// JSON_SCHEMA: texts that look like dates stay text.
const parsed = yaml.load(contract.toString("utf8"), { schema: yaml.JSON_SCHEMA });
// Apache-2.0 asks that license and notice go with the program.
const licenses = Buffer.concat(
  ["NOTICE", "LICENSE", "swagger-ui-bundle.js.LICENSE.txt"].flatMap((name) => [
    Buffer.from(`==== swagger-ui-dist: ${name}\n\n`), theirs(name), Buffer.from("\n"),
  ]),
);

const css = "text/css; charset=utf-8";
const js = "text/javascript; charset=utf-8";
const files = [
  ["/openapi.yaml", "application/yaml", contract],
  ["/openapi.json", "application/json", Buffer.from(JSON.stringify(parsed) + "\n")],
  ["/docs", "text/html; charset=utf-8", own("docs/index.html")],
  ["/docs/init.js", js, own("docs/init.js")],
  ["/docs/page.css", css, own("docs/page.css")],
  ["/docs/swagger-ui.css", css, theirs("swagger-ui.css")],
  ["/docs/swagger-ui-bundle.js", js, theirs("swagger-ui-bundle.js")],
  ["/docs/favicon-32x32.png", "image/png", theirs("favicon-32x32.png")],
  ["/docs/licenses.txt", "text/plain; charset=utf-8", licenses],
];

const arrays = [];
const rows = [];
files.forEach(([path, type, content], index) => {
  const packed = gzipSync(content, { level: 9 });
  packed[9] = 255;  // RFC 1952: operating system unknown, so that all of them pack the same bytes
  const lines = [];
  for (let at = 0; at < packed.length; at += 32) lines.push(packed.subarray(at, at + 32).join(","));
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  arrays.push(`// ${path}\nconstexpr unsigned char kFile${index}[] = {\n${lines.join(",\n")}};\n`);
  rows.push(`    {"${path}", "${type}", "W/\\"${hash}\\"", kFile${index}, ${content.length}},`);
});

writeFileSync(process.argv[2], `// Made by openapi/embed.mjs.
#include "server/embedded.h"

#include <array>

namespace blockwatch {
namespace {

${arrays.join("\n")}
constexpr std::array<EmbeddedFile, ${files.length}> kFiles{{
${rows.join("\n")}
}};

}  // namespace

std::span<const EmbeddedFile> embedded_files() noexcept { return kFiles; }

}  // namespace blockwatch
`);
