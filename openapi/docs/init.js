// Shows /openapi.json with Swagger UI. A file of its own, because the page's Content-Security-Policy
// allows no inline script.

const kSession = "blockwatch-session";

// A link of `blockwatchd open` ends in #code=...: it is exchanged for a session of this tab, and
// taken out of the address and the history before anything else.
async function openSession() {
  const code = new URLSearchParams(window.location.hash.slice(1)).get("code");
  if (!code) return;
  window.history.replaceState(null, "", window.location.pathname);
  const answer = await fetch("/api/v1/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code }),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(`${said.detail} ${said.hint ?? ""}`);
  window.sessionStorage.setItem(kSession, said.token);
}

function withSession(request) {
  const session = window.sessionStorage.getItem(kSession);
  const own = new URL(request.url, window.location.href).origin === window.location.origin;
  if (session && own && !request.headers.Authorization) {
    request.headers.Authorization = `Bearer ${session}`;
  }
  return request;
}

async function show() {
  await openSession();
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`/openapi.json: ${answer.status}`);
  const description = await answer.json();
  // The written server is the default address; what is tried here goes to where the page came from.
  description.servers = [{ url: window.location.origin }];
  SwaggerUIBundle({
    spec: description,
    domNode: document.getElementById("docs"),
    deepLinking: true,
    displayOperationId: true,
    tryItOutEnabled: true,
    // Otherwise the page asks a public service to check the description.
    validatorUrl: null,
    requestInterceptor: withSession,
  });
}

show().catch((error) => {
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = `The page could not be shown: ${error.message}`;
  document.getElementById("docs").replaceChildren(note);
});
