/** A program that starts a server, says where it is, and waits to be killed (mysql.my.test.ts). */
import { startMysql } from "./mysql.ts";

const { dataDir, url } = await startMysql(process.argv[2] === "mysql" ? "mysql" : "mariadb");
console.log(JSON.stringify({ dataDir, url }));
setInterval(() => undefined, 1000);
