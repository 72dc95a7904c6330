import { createHash } from "node:crypto";
import { CLIENT } from "./client.ts";
import { html, Html } from "./html.ts";
import { STYLE } from "./style.ts";

/**
 * The page itself. It holds nothing of any pipeline (what it shows comes from `/dashboard/live`, which wants the token),
 * loads nothing from anywhere, and runs no script but its own.
 */
export function page(
  version: string,
  wantsToken: boolean,
): { readonly body: string; readonly policy: string } {
  // Style and script stand exactly as the policy has them.
  const [style, script] = [
    new Html(`<style>${STYLE}</style>`),
    new Html(`<script>${CLIENT}</script>`),
  ];
  // A link cannot bring the token along.
  const footer = wantsToken ? null : LINKS;
  const body = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Millrace</title>
        <link rel="icon" href="data:," />
        ${style}
      </head>
      <body>
        <header>
          <h1>Millrace</h1>
          <p>${version}</p>
          <span id="link" role="status">connecting …</span>
        </header>
        <main><p class="empty">One moment …</p></main>
        ${footer}
        <dialog>
          <form method="dialog">
            <p>This listener asks for the token of its <code>--token-file</code>.</p>
            <p>
              <input type="password" name="token" autocomplete="off" required />
              <button>Go on</button>
            </p>
          </form>
        </dialog>
        ${script}
      </body>
    </html> `;
  return { body: body.text, policy: POLICY };
}

const LINKS = html`<footer>
  <a href="/api/v1/pipelines">status as JSON</a> · <a href="/metrics">metrics</a> ·
  <a href="/health/ready">health</a> · <a href="/api/v1/openapi.json">API</a>
</footer>`;

const POLICY = [
  "default-src 'none'",
  `style-src '${hash(STYLE)}'`,
  `script-src '${hash(CLIENT)}'`,
  "connect-src 'self'",
  "img-src data:",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
