import { HttpRequest } from "@smithy/core/protocols";

/** Where the SDK sends the requests of a service, and what it signs them for. */
export interface SignedWay {
  readonly isTls: boolean;
  readonly hostname: string;
  /** Null where it is the protocol's own. */
  readonly port: number | null;
  readonly path: string;
  /** As the `host` header says it. */
  readonly host: string;
  readonly userAgent: string;
  readonly region: string;
  readonly service: string;
}

/** A path that is signed as it stands: nothing in it is escaped, or taken for another one. */
const PLAIN_PATH = /^(?:\/[\w~-][\w.~-]*)*\/?$/;
const SCOPE = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/;

/**
 * The way of a request that the SDK has signed, for others to take: endpoints of regions, of the environment, of a profile are
 * its business. Null where a request goes a way that only the SDK knows.
 */
export function wayOf(request: unknown): SignedWay | null {
  if (!HttpRequest.isInstance(request)) return null;
  const { protocol, hostname, port, path, query, headers } = request;
  const [, region, service] = SCOPE.exec(headers["authorization"] ?? "") ?? [];
  const host = headers["host"];
  if (region === undefined || service === undefined || host === undefined) return null;
  if (!PLAIN_PATH.test(path) || Object.keys(query).length > 0) return null;
  return {
    isTls: protocol === "https:",
    // Node takes an address of IPv6 without its brackets.
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port ?? null,
    path: path === "" ? "/" : path,
    host,
    userAgent: headers["user-agent"] ?? "",
    region,
    service,
  };
}

type Handler<Args, Output> = (
  args: Args,
) => Promise<{ readonly response: unknown; readonly output?: Output }>;

/** A step of the SDK that sees what it is about to send. */
export function wayStep(learn: (way: SignedWay | null) => void) {
  return <Args extends object, Output>(next: Handler<Args, Output>): Handler<Args, Output> =>
    (args) => {
      learn(wayOf("request" in args ? args.request : null));
      return next(args);
    };
}

/** Where {@link wayStep} belongs: behind the signature. */
export const WAY_STEP = { step: "deserialize", name: "wayMiddleware" } as const;
