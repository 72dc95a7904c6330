import { MillraceError } from "../errors/millrace-error.ts";
import type { ListenOptions } from "../server/listener.ts";

/** Reads the `--listen` option and what belongs to it. */
export function listenOptions(
  address: string,
  files: { readonly tokenFile?: string; readonly tlsCert?: string; readonly tlsKey?: string },
): ListenOptions | null {
  if (address === "off") return null;
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) {
    throw new MillraceError(
      "MR_USAGE",
      `--listen ${address} is not an address; write ADDR:PORT such as 127.0.0.1:8083, or off`,
    );
  }
  return { host, port: Number(port), ...files };
}
