// browser.mjs CHROMIUM PORT TOKEN: pages of other origins in a real browser against the server on PORT, and the same against a
// server that trusts everybody, where each attack must succeed. Writes what failed and the counts; exits with 1 if any did.
import http from 'node:http';

import { chromium } from 'playwright-core';

import { attackFromPage, frame, kPatienceMs, open, postForm } from './attacks.mjs';
import { startWeakServer } from './weak_server.mjs';

const [executablePath, port, token] = process.argv.slice(2);
let tried = 0;
let failed = 0;
function check(what, holds, found = '') {
  ++tried;
  if (holds) return;
  ++failed;
  console.log(`FAILED ${what}: ${found}`);
}

const evil = http.createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<body>evil'));
await new Promise((done) => evil.listen(0, '127.0.0.1', done));
const evilPort = evil.address().port;
const weak = await startWeakServer();
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP *.test 127.0.0.1'],
});

async function withPage(address, use) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const answer = await page.goto(address);
  const result = await use(page, answer);
  await context.close();
  return result;
}

// Every attack from a page at `address` against the server at `base`; what got through, by name.
async function attack(address, base) {
  const got = await withPage(address, (page) => page.evaluate(attackFromPage, { base, origin: address, patience: kPatienceMs }));
  for (const [name, attempt] of [['post a form', postForm], ['show our page in a frame', frame], ['hold a window', open]]) {
    got[name] = await withPage(address, (page) => attempt(page, base));
  }
  return got;
}

const foreign = {
  'another site': `http://evil.test:${evilPort}/`,
  'another port': `http://127.0.0.1:${evilPort}/`,
  'localhost at another port': `http://localhost:${evilPort}/`,
};
for (const [who, address] of Object.entries(foreign)) {
  for (const [name, got] of Object.entries(await attack(address, `http://127.0.0.1:${port}`))) {
    check(`${who} could ${name}`, !got);
  }
}
for (const [name, got] of Object.entries(await attack(foreign['another site'], `http://127.0.0.1:${weak.port}`))) {
  check(`control: ${name} where nobody stops it`, got);
}
for (const name of ['fetch', 'no-cors', 'beacon', 'form', 'quiet', 'put']) {
  check(`control: the change "${name}" arrives`, weak.changes.some((one) => one.includes(`name=${name}`)), weak.changes);
}

// DNS rebinding: the page's own name now leads to us, so that the browser sees one origin.
async function rebind(at) {
  return withPage(`http://evil.test:${at}/docs`, async (page, answer) => ({
    page: answer.status(),
    read: await page.evaluate(() => fetch('/api/v1/status').then((r) => r.status, () => 0)),
    changed: await page.evaluate(() => fetch('/api/v1/imports', { method: 'POST', body: '<Event/>' }).then((r) => r.status, () => 0)),
  }));
}
const rebound = await rebind(port);
check('DNS rebinding', Object.values(rebound).every((status) => status === 421), JSON.stringify(rebound));
const open_door = await rebind(weak.port);
check('control: DNS rebinding', Object.values(open_door).every((status) => status === 200), JSON.stringify(open_door));

// Our own page: it may, and it keeps to its own policy.
const problems = [];
for (const path of ['/', '/docs']) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith('http') && host !== `127.0.0.1:${port}`) problems.push(`asks ${request.url()}`);
  });
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
  await page.goto(`http://127.0.0.1:${port}${path}`, { waitUntil: 'networkidle' });
  const operation = page.locator('.opblock', { hasText: '/api/v1/status' }).first();
  await operation.click();
  await operation.locator('.execute').click();
  const status = await operation.locator('.live-responses-table .response-col_status').nth(1).textContent({ timeout: kPatienceMs });
  check(`${path} may read`, status.trim() === '200', status);
  const changed = await page.evaluate(([bearer]) => fetch('/api/v1/audit/policy?dry_run=true', {
    method: 'PUT', body: '{"preset":"connections"}',
    headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
  }).then((r) => r.status), [token]);
  check(`${path} may change with its token`, changed === 200, changed);
  const denied = await page.evaluate(() => fetch('/api/v1/audit/policy?dry_run=true', {
    method: 'PUT', body: '{"preset":"connections"}', headers: { 'Content-Type': 'application/json' },
  }).then((r) => r.status));
  check(`${path} may change nothing without`, denied === 401, denied);
  await context.close();
}
// The one error is the answer 401 that was asked for above.
const unexpected = problems.filter((one) => !one.includes('401'));
check('our pages keep to their policy', unexpected.length === 0, unexpected.join('\n'));

await browser.close();
weak.server.closeAllConnections();
weak.server.close();
evil.close();
console.log(JSON.stringify({ tried, failed }));
process.exit(failed > 0 ? 1 : 0);
