/* Fuzzes what is read of the votes dataset: lib/lines.c lib/vote.c lib/pull_votes.c
 *
 * The input is votes_data.jsonl on the Hub, which pull_votes() takes into the database. */
#include "fuzz.h"
#include "served.h"
#include "state.h"

#include "pull_private.h"
#include "vote.h"

static struct config config;
static struct pull pull = { .config = &config, .accept_loss = true };
static struct state state;

static void
target_start(void)
{
    fuzz_config(&config, 0);
    served_pull(&pull);
    state_keep(&state, fuzz_path("cache.db"));
}

static void
target_run(const char *bytes, size_t length)
{
    struct error why = { "" };

    served_count = 0;
    served_add(VOTE_FILE, bytes, length);
    promise(pull_votes(&pull, SERVED_SHA, &why), why.text);
    state_restore(&state);
}

#define VOTE(model, user, type)                                                                    \
    "{\"model\": \"" model "\", \"revision\": \"main\", \"username\": \"" user                     \
    "\", \"timestamp\": \"2024-06-12T10:20:30Z\", \"vote_type\": \"" type "\"}"

FUZZ_SEEDS("", "\n", VOTE("acme/large", "alice", "up") "\n" VOTE("acme/large", "bob", "down") "\n",
           VOTE("acme/large", "alice", "up") "\n" VOTE("acme/large", "alice", "up"),
           VOTE("gpt2", "b\\u00f6b", "up") "\r\n\r\nno vote\n[1]\n{}\n" VOTE("a/b", "c", "left"),
           "{\"model\":\"a/b\",\"revision\":1,\"username\":null}\n{\"model\":\"a/b\"")
