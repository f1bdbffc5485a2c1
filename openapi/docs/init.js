// Shows /openapi.json with Swagger UI. A file of its own, because the page's Content-Security-Policy
// allows no inline script.

async function show() {
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
  });
}

show().catch((error) => {
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = `The description could not be shown: ${error.message}`;
  document.getElementById("docs").replaceChildren(note);
});
