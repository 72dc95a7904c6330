import { describeKills } from "./kills.ts";

describeKills("dsql");
