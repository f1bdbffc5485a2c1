// What a page can try against a server at `base`. They run inside the page; each tells whether the page got anything:
// read an answer, saw a script run, opened a connection. What was changed the server knows.

export const kPatienceMs = 4000;

// Runs in the page.
export async function attackFromPage({ base, origin, patience }) {
  const got = {};
  const within = (promise) =>
    Promise.race([promise, new Promise((done) => setTimeout(() => done(false), patience))]).catch(() => false);
  const read = (url, options) => within(fetch(base + url, options).then(async (r) => r.ok && (await r.text()).length > 0));
  const element = (name, attributes) =>
    within(new Promise((done) => {
      const made = Object.assign(document.createElement(name), attributes);
      made.onload = () => done(true);
      made.onerror = () => done(false);
      document.body.append(made);
    }));
  const text = { 'Content-Type': 'text/plain' };
  const json = { 'Content-Type': 'application/json', 'If-Match': '*' };
  const change = '{"preset":"connections"}';
  const tries = {
    'read with fetch': () => read('/api/v1/status'),
    'read with credentials': () => read('/api/v1/events?limit=1', { credentials: 'include' }),
    'read the contract': () => read('/openapi.json'),
    'change with fetch': () => read('/api/v1/audit/policy', { method: 'PUT', headers: json, body: change }),
    'import with fetch': () => read('/api/v1/imports?name=fetch', { method: 'POST', headers: text, body: '<Event/>' }),
    'read a stream': () =>
      within(new Promise((done) => {
        const source = new EventSource(`${base}/api/v1/events/stream`, { withCredentials: true });
        source.onopen = () => { source.close(); done(true); };
        source.onerror = () => { source.close(); done(false); };
      })),
    'open a web socket': () =>
      within(new Promise((done) => {
        const socket = new WebSocket(`${base.replace('http', 'ws')}/api/v1/events/stream`);
        socket.onopen = () => { socket.close(); done(true); };
        socket.onerror = () => done(false);
      })),
    'run JSON as a script': () => element('script', { src: `${base}/api/v1/events?limit=1` }),
    'run the contract as a script': () => element('script', { src: `${base}/openapi.json` }),
    'run JSON in a worker': () =>
      within(new Promise((done) => {
        const code = `importScripts(${JSON.stringify(`${base}/api/v1/status`)}); postMessage(true)`;
        const worker = new Worker(URL.createObjectURL(new Blob([code])));
        worker.onmessage = () => done(true);
        worker.onerror = () => done(false);
      })),
  };
  for (const [name, attempt] of Object.entries(tries)) got[name] = (await attempt()) === true;
  // Nothing of these can be read, whatever the server says; but they must not change anything.
  await within(fetch(`${base}/api/v1/imports?name=no-cors`, { method: 'POST', mode: 'no-cors', credentials: 'include', body: '<Event/>' }));
  navigator.sendBeacon(`${base}/api/v1/imports?name=beacon`, '<Event/>');
  for (const [url, name] of [['/api/v1/audit/backups', 'quiet'], ['/api/v1/audit/policy', 'put']]) {
    await within(fetch(`${base}${url}?from=${encodeURIComponent(origin)}&name=${name}`, { method: 'POST', mode: 'no-cors', body: '{}' }));
  }
  return got;
}

// The address bar's way: a form that posts itself. What the browser then shows is the server's answer, on the server's
// own origin.
export async function postForm(page, base) {
  await page.setContent(`<form method="post" enctype="text/plain" action="${base}/api/v1/imports?name=form">
    <textarea name="&lt;Event"> /&gt;</textarea></form>`);
  const [answer] = await Promise.all([
    page.waitForNavigation({ timeout: kPatienceMs }).catch(() => null),
    page.evaluate(() => document.forms[0].submit()),
  ]);
  return answer?.ok() ?? false;
}

// Whether our page shows inside theirs.
export async function frame(page, base) {
  await page.setContent(`<iframe src="${base}/docs"></iframe>`);
  const deadline = Date.now() + kPatienceMs;
  while (Date.now() < deadline) {
    const inner = page.frames().find((f) => f !== page.mainFrame());
    const url = inner?.url() ?? '';
    if (url.startsWith('chrome-error:')) return false;
    if (url.startsWith(base) && (await inner.title().catch(() => '')) !== '') return true;
    await page.waitForTimeout(50);
  }
  return false;
}

// A page that another one opened gives it no hold: the opener sees it as closed.
export async function open(page, base) {
  const [popup] = await Promise.all([
    page.waitForEvent('popup'),
    page.evaluate((url) => { window.opened = window.open(url); }, `${base}/docs`),
  ]);
  await popup.waitForLoadState().catch(() => {});
  const deadline = Date.now() + kPatienceMs;
  let held = true;
  while (held && Date.now() < deadline) {
    held = await page.evaluate(() => !window.opened.closed);
    if (held) await page.waitForTimeout(50);
  }
  await popup.close();
  return held;
}
