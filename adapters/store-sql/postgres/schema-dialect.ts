/** What PostgreSQL spells in its own way. */
import { sql } from "kysely";
import type { SchemaDialect } from "../dialect.ts";

const AUDIT_TRIGGERS = [
  `create function audit_log_only_grows() returns trigger language plpgsql as
   $$ begin raise exception 'the audit log only grows'; end $$`,
  "create trigger audit_log_no_update before update on audit_log execute function audit_log_only_grows()",
  "create trigger audit_log_no_delete before delete on audit_log execute function audit_log_only_grows()",
  "create trigger audit_log_no_truncate before truncate on audit_log execute function audit_log_only_grows()",
  // Whoever inserts, with whatever search path: the table beside which the function was made. Two who insert the same
  // position at the same time meet at the primary key.
  `create function audit_log_follows() returns trigger language plpgsql set search_path from current as
   $$
   declare last record;
   begin
     select position, hash into last from audit_log order by position desc limit 1;
     if new.position is distinct from coalesce(last.position, 0) + 1 then
       raise exception 'audit positions have no gaps';
     end if;
     if new.previous_hash is distinct from coalesce(last.hash, repeat('0', 64)) then
       raise exception 'an audit entry follows from the one before it';
     end if;
     return new;
   end
   $$`,
  "create trigger audit_log_no_gap before insert on audit_log for each row execute function audit_log_follows()",
];

export const postgresSchema: SchemaDialect = {
  bytes: "bytea",
  serial: { type: "bigserial", autoIncrement: false },
  async protectAuditLog(db) {
    for (const trigger of AUDIT_TRIGGERS) await sql.raw(trigger).execute(db);
  },
};
