# Turns sql/*.sql into gen/sql.h and gen/sql.c: every statement and migration as a C string.
#
#   -- name: vote_insert     starts a statement: SQL_VOTE_INSERT
#   -- migration: 2          starts a migration: what takes a database from user_version 1 to 2
#
# Files whose names begin with "hub" belong to the local Hub's database, the others to the cache.

function flush_text() {
    if (kind == "") return
    if (text !~ /[^ \n]/) { print FILENAME ": empty " kind " " name > "/dev/stderr"; failed = 1; exit 1 }
    if (kind == "statement") {
        ids = ids "    SQL_" toupper(name) ",\n"
        statements = statements "    { SQL_DATABASE_" database ", \"" name "\",\n" quote(text) "    },\n"
    } else {
        migrations = migrations "    { SQL_DATABASE_" database ", " name ",\n" quote(text) "    },\n"
    }
    kind = text = ""
}
function quote(lines,   out, n, parts, i, line) {
    n = split(lines, parts, "\n")
    for (i = 1; i <= n; i++) {
        line = parts[i]
        sub(/[ \t]*--.*$/, "", line)
        if (line ~ /^[ \t]*$/) continue
        gsub(/\\/, "\\\\", line); gsub(/"/, "\\\"", line)
        out = out "      \"" line "\\n\"\n"
    }
    return out
}
FNR == 1 { flush_text(); base = FILENAME; sub(/.*\//, "", base); database = base ~ /^hub/ ? "HUB" : "CACHE" }
/^-- name: [a-z_0-9]+$/ { flush_text(); kind = "statement"; name = $3; next }
/^-- migration: [0-9]+$/ { flush_text(); kind = "migration"; name = $3; next }
{ if (kind != "") text = text $0 "\n" }
END {
    if (failed) exit 1
    flush_text()
    h = out "/sql.h"; c = out "/sql.c"
    print "/* Made by sql/embed.awk from the files in sql. */\n#ifndef SQL_H\n#define SQL_H\n" > h
    print "enum sql_database { SQL_DATABASE_CACHE, SQL_DATABASE_HUB };\n" > h
    print "enum sql_id {\n" ids "    SQL_COUNT\n};\n" > h
    print "struct sql_statement { enum sql_database database; const char *name, *text; };" > h
    print "struct sql_migration { enum sql_database database; int version; const char *text; };\n" > h
    print "extern const struct sql_statement sql_statements[SQL_COUNT];" > h
    print "extern const struct sql_migration sql_migrations[];" > h
    print "extern const int sql_migrations_count;\n\n#endif" > h
    print "/* Made by sql/embed.awk from the files in sql. */\n#include \"sql.h\"\n" > c
    print "const struct sql_statement sql_statements[SQL_COUNT] = {\n" statements "};\n" > c
    print "const struct sql_migration sql_migrations[] = {\n" migrations "};\n" > c
    print "const int sql_migrations_count = sizeof sql_migrations / sizeof sql_migrations[0];" > c
}
