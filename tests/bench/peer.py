"""What a Python backend does for a request: the peer that the programs are compared with.

It answers as FastAPI does by itself: a handler returns cached Python objects, jsonable_encoder and
JSONResponse make the text, and GZipMiddleware compresses it. Its data is what the programs answered.
"""

import collections
import json
import os
import pathlib

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware

folder = pathlib.Path(os.environ["PEER_DATA"])
formatted, pending, votes = (
    json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("formatted", "pending", "votes")
)
votes_of_model = collections.defaultdict(list)
for vote in votes["votes"]:
    votes_of_model[vote["model_id"]].append(vote)

app = FastAPI()
app.add_middleware(GZipMiddleware, minimum_size=1000)


@app.get("/api/leaderboard/formatted")
async def get_formatted():
    return formatted


@app.get("/api/models/pending")
async def get_pending():
    return pending


@app.get("/api/votes/model/{provider}/{model}")
async def get_votes(provider: str, model: str):
    cast = votes_of_model.get(f"{provider}/{model}", [])
    directions = collections.Counter(vote["vote_type"] for vote in cast)
    return {
        "total_votes": len(cast),
        "up_votes": directions["up"],
        "down_votes": directions["down"],
        "votes_by_revision": collections.Counter(vote["revision"] for vote in cast),
        "votes": cast,
    }
