// A peer for intake: Probot with one durable insert for each delivery. Set up by SKILL_FLEET_* variables.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Database from "better-sqlite3";
import { createNodeMiddleware, Probot } from "probot";

const database = new Database(process.env.SKILL_FLEET_DATABASE_URL.replace("sqlite:///", ""));
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE inbox (id INTEGER PRIMARY KEY, delivery TEXT UNIQUE, body BLOB)");
const insert = database.prepare("INSERT OR IGNORE INTO inbox (delivery, body) VALUES (?, ?)");

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const probot = new Probot({ appId: 1, privateKey, secret: process.env.SKILL_FLEET_WEBHOOK_SECRET, logLevel: "fatal" });
const app = (bot) => bot.on("issue_comment", (context) => {
  insert.run(context.id, JSON.stringify(context.payload));
});
const hook = await createNodeMiddleware(app, { probot, webhooksPath: "/webhook" });
createServer((request, response) => {
  if (request.url === "/readyz") response.end();
  else hook(request, response);
}).listen(Number(process.env.SKILL_FLEET_PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
