import type { MysqlServer } from "../../../../../test/support/mysql.ts";

/** A transaction that is in the log, and not committed in the engine: a replica that does not come is waited for. */
export interface HangingCommit extends AsyncDisposable {
  /** Lets it go on; resolves when it is committed. */
  release(): Promise<void>;
}

/** MySQL was once seen to let it go only then, beside a FLUSH BINARY LOGS that waits for the commit. */
const waitMs = 15_000;

const settings = {
  mysql: {
    prepare: "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
    enabled: "rpl_semi_sync_source_enabled",
    timeout: "rpl_semi_sync_source_timeout",
    point: "rpl_semi_sync_source_wait_point",
  },
  mariadb: {
    prepare: "SELECT 1",
    enabled: "rpl_semi_sync_master_enabled",
    timeout: "rpl_semi_sync_master_timeout",
    point: "rpl_semi_sync_master_wait_point",
  },
} as const;

/** Runs `sql`, one transaction, and comes back when the log has it. */
export async function hangingCommit(server: MysqlServer, sql: string): Promise<HangingCommit> {
  const { prepare, enabled, timeout, point } = settings[server.flavor];
  await server.query(prepare).catch(() => undefined);
  await server.query(
    `SET GLOBAL ${timeout} = ${waitMs}, GLOBAL ${point} = AFTER_SYNC, GLOBAL ${enabled} = ON`,
  );
  const start = await server.binlogEnd();
  const done = server.query(sql);
  for (;;) {
    const { file, position } = await server.binlogEnd();
    if (file !== start.file || position !== start.position) break;
  }
  const release = async (): Promise<void> => {
    await server.query(`SET GLOBAL ${enabled} = OFF`);
    await done;
  };
  return { release, [Symbol.asyncDispose]: release };
}
