// better-auth's organization plugin on PostgreSQL, as its guide sets it up, with the limits that stop a load taken off.
// Its first process makes the tables, an owner and an organization of MEMBERS people, and prints what a caller needs.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { organization } from "better-auth/plugins";
import pg from "pg";

const { DATABASE_URL, PORT, MEMBERS, PROCESSES } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 8 });
const url = `http://127.0.0.1:${PORT}`;
const auth = betterAuth({
  baseURL: url,
  secret: "a-secret-of-the-benches-and-of-nothing-else",
  database: pool,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [organization({ invitationLimit: 1e9, membershipLimit: 1e9, sendInvitationEmail: async () => {} })],
});

async function furnish() {
  await (await getMigrations(auth.options)).runMigrations();
  const signUp = { name: "Alice", email: "alice@corp.example", password: "correct horse battery" };
  const signedUp = await auth.api.signUpEmail({ body: signUp, returnHeaders: true });
  const cookie = signedUp.headers.getSetCookie().map((each) => each.split(";")[0]).join("; ");
  const headers = new Headers({ cookie });
  const made = await auth.api.createOrganization({ body: { name: "Acme", slug: "acme" }, headers });
  const rows = `SELECT 'u' || n, 'Person ' || n, 'person' || n || '@corp.example', true, now(), now()`;
  const numbers = `FROM generate_series(2, ${Number(MEMBERS)}) n`;
  const person = `INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt") ${rows} ${numbers}`;
  const member = `INSERT INTO member (id, "organizationId", "userId", role, "createdAt")`;
  await pool.query(person);
  await pool.query(`${member} SELECT 'm' || n, $1, 'u' || n, 'member', now() ${numbers}`, [made.id]);
  console.log(JSON.stringify({ cookie, organization: made.id }));
}

if (cluster.isPrimary) {
  await furnish();
  for (let number = 0; number < Number(PROCESSES); number++) cluster.fork();
  process.on("SIGTERM", () => process.exit(0));
} else {
  const handle = toNodeHandler(auth);
  const answer = (request, response) => (request.url === "/healthz" ? response.end("well") : handle(request, response));
  createServer(answer).listen(Number(PORT), "127.0.0.1");
}
