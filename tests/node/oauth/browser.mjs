// A browser without eyes: follows redirects and sends the forms of login and consent pages, until it
// is sent to where the client waits.
//
//   node browser.mjs URL REDIRECT_URI [USER]      prints the URL it was sent to

import { pathToFileURL } from 'node:url';

const MOST_STEPS = 20;

/** Signs in as `user` at `url`; returns the URL below `redirect` that it ends at. */
export async function visit(url, redirect, user = 'ada') {
  const cookies = new Map();
  let request = { url: String(url), init: {} };
  for (let step = 0; step < MOST_STEPS; step += 1) {
    if (request.url.startsWith(redirect)) return new URL(request.url);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(request.url, {
      ...request.init,
      redirect: 'manual',
      headers: { ...request.init.headers, ...(cookie && { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies.set(name, value);
    }
    const place = response.headers.get('location');
    if (place !== null) request = { url: String(new URL(place, request.url)), init: {} };
    else request = answered(await response.text(), request.url, user);
  }
  throw new Error(`no way back after ${MOST_STEPS} steps`);
}

/** The request that sends the one form of a page. */
function answered(html, url, user) {
  const form = /<form[^>]*>/.exec(html)?.[0];
  if (form === undefined) throw new Error(`no form at ${url}: ${html.slice(0, 500)}`);
  const fields = new URLSearchParams();
  const namesUser = html.includes(`value="${user}"`);
  for (const [tag] of html.matchAll(/<(?:input|button)[^>]*>/g)) {
    const kind = tag.startsWith('<button') ? 'submit' : 'text';
    const { name, type = kind, value = '' } = attributes(tag);
    const checked = /\schecked/.test(tag);
    const taken =
      type === 'checkbox' ? checked
      : type === 'radio' ? (namesUser ? value === user : checked)
      : true;
    if (name === undefined || !taken || value === 'deny') continue;
    fields.append(name, ['text', 'password'].includes(type) ? user : value);
  }
  const action = new URL(attributes(form).action ?? '', url);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { url: String(action), init: { method: 'POST', body: String(fields), headers } };
}

function attributes(tag) {
  const pairs = [...tag.matchAll(/\s([a-z-]+)="([^"]*)"/g)];
  const plain = (text) => text.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  return Object.fromEntries(pairs.map(([, name, value]) => [name, plain(value)]));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [url, redirect, user] = process.argv.slice(2);
  console.log(String(await visit(url, redirect, user)));
}
