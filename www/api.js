// The server's API. Every failure is a Failure whose message is what the server said, word by word.

export class Failure extends Error {
  constructor(message, status = 0, body = null) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export async function request(path, { signal, token, post } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (post) headers["Content-Type"] = "application/json";
  let answer, body;
  try {
    answer = await fetch(path, {
      signal, headers, credentials: "omit",
      method: post ? "POST" : "GET",
      body: post && JSON.stringify(post),
    });
    body = await answer.json().catch((error) => {
      if (error.name === "AbortError") throw error;
      return null;
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server cannot be reached.");
  }
  if (answer.ok && body !== null) return body;
  throw new Failure(body?.detail ?? `The server answered ${answer.status} without a reason.`, answer.status, body);
}

// One request at a time: the next call aborts the one before, which then never returns.
export function latest() {
  let running;
  return async (work) => {
    running?.abort();
    const mine = (running = new AbortController());
    try {
      return await work(mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return new Promise(() => {});
      throw error;
    }
  };
}

const path = (name, parameters) => `api/${name}?${new URLSearchParams(parameters)}`;

export const models = (parameters, signal) =>
  request(path("leaderboard/formatted", { profile: "documented", ...parameters }), { signal });

// How many models have each value of these fields, the most frequent first: {key: [[value, models]…]}.
export async function choices(fields) {
  if (fields.length === 0) return {};
  const all = await models({ fields: fields.map((field) => field.path).join(",") });
  return Object.fromEntries(fields.map(({ key, of }) => {
    const counts = new Map();
    for (const value of all.models.map(of)) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [key, [...counts].sort((a, b) => b[1] - a[1])];
  }));
}

export const queue = (signal) => request("api/models/status", { signal });
export const pending = (signal) => request("api/models/pending?sort=votes", { signal });
export const votesOf = (user) => request(`api/votes/user/${encodeURIComponent(user)}`);

export const vote = (model, vote_type, { user, token }) =>
  request(`api/votes/${encodeURIComponent(model)}`, { token, post: { vote_type, user_id: user } });

export const submit = (wish, { user, token }) =>
  request("api/models/submit", { token, post: { ...wish, user_id: user } });
