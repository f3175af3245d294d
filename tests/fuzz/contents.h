/* contents: a small leaderboard, published as the fetcher does it. */
#ifndef CONTENTS_H
#define CONTENTS_H

#include "served.h"

#include "pull.h"

#define CONTENTS_ROW(name, precision, sha, average, params, date, chat)                            \
    "{\"eval_name\":\"" name "\",\"Precision\":\"" precision                                       \
    "\",\"Type\":\"\xf0\x9f\x9f\xa2 pretrained\",\"T\":\"\xf0\x9f\x9f\xa2\",\"Weight type\":"      \
    "\"Original\",\"Architecture\":\"LlamaForCausalLM\",\"Model\":\"<a>" name                      \
    "</a>\",\"fullname\":\"" name "\",\"Model sha\":\"" sha                                        \
    "\",\"Average \xe2\xac\x86\xef\xb8\x8f\":" average ",\"Hub License\":\"apache-2.0\","          \
    "\"Hub \xe2\x9d\xa4\xef\xb8\x8f\":12,\"#Params (B)\":" params                                  \
    ",\"Available on the hub\":true,"                                                              \
    "\"MoE\":false,\"Flagged\":false,\"Chat Template\":" chat ",\"CO\xe2\x82\x82 cost (kg)\":1.5," \
    "\"IFEval Raw\":0.5,\"IFEval\":50.0,\"BBH Raw\":0.4,\"BBH\":" average                          \
    ",\"MATH Lvl 5 Raw\":0.1,\"MATH Lvl 5\":10.0,\"GPQA Raw\":0.3,\"GPQA\":null,\"MUSR Raw\":0.4," \
    "\"MUSR\":9.5,\"MMLU-PRO Raw\":0.3,\"MMLU-PRO\":" average ",\"Merged\":false,"                 \
    "\"Official Providers\":true,\"Upload To Hub Date\":\"" date "\",\"Submission Date\":\"" date  \
    "\",\"Generation\":1,\"Base Model\":\"acme/base\"}\n"

/* Pulls them, twice where there is a past to be asked for. */
static inline void
contents_publish(const struct config *config)
{
    static const char first[] = CONTENTS_ROW("acme/large", "bfloat16", "0123456789", "30.5", "8.03",
                                             "2024-06-12", "true")
        CONTENTS_ROW("acme/small", "float16", "abcdef0123", "12.25", "1.5", "2024-06-20", "false");
    static const char second[] = CONTENTS_ROW("acme/large", "bfloat16", "0123456789", "31.5",
                                              "8.03", "2024-06-12", "true")
        CONTENTS_ROW("acme/large", "float16", "0123456789", "31.5", "8.03", "2024-06-13", "true")
            CONTENTS_ROW("beta/\xc3\x9c"
                         "ber",
                         "4bit", "main", "null", "70.55", "2024-07-01", "false")
                CONTENTS_ROW("acme/small", "float16", "abcdef0123", "12.25", "1.5", "2024-06-20",
                             "false");
    const char *const texts[] = { first, second };
    struct pull pull = { .config = config, .force = true };
    struct leaderboard leaderboard;
    struct error why = { "" };

    promise(leaderboard_load(&leaderboard, config->leaderboard, &why), why.text);
    pull.leaderboard = &leaderboard;
    served_pull(&pull);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        served_count = 0;
        served_add("train.jsonl", texts[i], strlen(texts[i]));
        promise(pull_dataset(&pull, DATASET_CONTENTS, &why) == PULL_DONE, why.text);
    }
    served_count = 0;
    hub_close(pull.hub);
    db_close(pull.db);
    leaderboard_free(&leaderboard);
}

#endif
