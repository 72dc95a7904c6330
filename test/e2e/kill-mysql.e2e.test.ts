import { mysqlFlavors } from "../support/mysql.ts";
import { describeKills } from "./kills.ts";

for (const from of mysqlFlavors) describeKills("dsql", from);
