/** A program that starts a server, says where it is, and waits to be killed (postgres.pg.test.ts). */
import { startPostgres } from "./postgres.ts";

const { dataDir, url } = await startPostgres();
console.log(JSON.stringify({ dataDir, url }));
setInterval(() => undefined, 1000);
