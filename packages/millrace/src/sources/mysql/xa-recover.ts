import { MillraceError } from "../../errors/millrace-error.ts";
import { errnoOf } from "./connection-error.ts";
import { readLogEnd, type Session } from "./log-end.ts";
import type { XaSeen } from "./visibility.ts";
import { xidText } from "./xid.ts";

/** What MySQL says to who may not ask: that wants XA_RECOVER_ADMIN. */
const MAY_NOT_ASK = 1401;

/**
 * XA transactions that are prepared, in the words of the log; null where the user may not ask. The server does not tell
 * which tables they wrote to. Each is listed until the engine has committed it. @throws MillraceError
 */
export async function readPrepared(session: Session): Promise<readonly string[] | null> {
  const isMysql = session.version.flavor === "mysql";
  try {
    const rows = await session.query(
      isMysql ? "XA RECOVER CONVERT XID" : "XA RECOVER FORMAT='SQL'",
    );
    return rows.map(([format, globalBytes, , data]) => {
      const named = isMysql ? mysqlXid(data ?? "", Number(globalBytes)) : mariaDbXid(data ?? "");
      return xidText(Number(format), ...named);
    });
  } catch (error) {
    if (error instanceof MillraceError && errnoOf(error) === MAY_NOT_ASK) return null;
    throw error;
  }
}

/**
 * Before a snapshot of MariaDB is opened. It writes XA COMMIT into its log before the engine commits, and lists the
 * transaction until then: what the log has and the list has not, the snapshot sees.
 */
export async function readXaSeen(session: Session): Promise<XaSeen> {
  const before = await readLogEnd(session);
  return { before, except: (await readPrepared(session)) ?? [] };
}

type Xid = readonly [global: Buffer, branch: Buffer];

/** `0x6F6262`: both parts, one behind the other. */
function mysqlXid(data: string, globalBytes: number): Xid {
  const bytes = Buffer.from(data.slice("0x".length), "hex");
  return [bytes.subarray(0, globalBytes), bytes.subarray(globalBytes)];
}

/** `'o'`, `X'6f00',X'6262',7`. */
function mariaDbXid(data: string): Xid {
  const [global, branch] = [...data.matchAll(/(X?)'([^']*)'/g)].map(([, hex, text = ""]) =>
    Buffer.from(text, hex === "X" ? "hex" : "latin1"),
  );
  return [global ?? Buffer.alloc(0), branch ?? Buffer.alloc(0)];
}
