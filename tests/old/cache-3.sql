PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE models (
    position      INTEGER PRIMARY KEY,
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,
    revision      TEXT NOT NULL,
    precision     TEXT NOT NULL,
    type          TEXT NOT NULL,
    weight_type   TEXT NOT NULL,
    architecture  TEXT NOT NULL,
    license       TEXT NOT NULL,
    average_score REAL,
    params        REAL,
    raw           TEXT NOT NULL,
    raw_space     TEXT,
    documented    TEXT NOT NULL,
    space         TEXT NOT NULL
);
INSERT INTO models VALUES(0,'acme_one_bfloat16','acme/one','0123456789abcdef0123456789abcdef01234567','bfloat16','💬 chat models (RLHF, DPO, IFT, ...)','Original','LlamaForCausalLM','apache-2.0',30.25,7.2419999999999999928,'{"eval_name":"acme_one_bfloat16","Precision":"bfloat16","Type":"💬 chat models (RLHF, DPO, IFT, ...)","T":"💬","Weight type":"Original","Architecture":"LlamaForCausalLM","Model":"<a href=\"x\">acme/one</a>","fullname":"acme/one","Model sha":"0123456789abcdef0123456789abcdef01234567","Average ⬆️":30.25,"Hub License":"apache-2.0","Hub ❤️":3,"#Params (B)":7.242,"Available on the hub":true,"MoE":false,"Flagged":false,"Chat Template":true,"CO₂ cost (kg)":1.25,"IFEval Raw":0.33,"IFEval":33.25,"BBH Raw":0.36,"BBH":10.5,"MATH Lvl 5 Raw":0.014,"MATH Lvl 5":1.4,"GPQA Raw":0.26,"GPQA":1.25,"MUSR Raw":0.38,"MUSR":5.75,"MMLU-PRO Raw":0.12,"MMLU-PRO":1.85,"Merged":false,"Official Providers":false,"Upload To Hub Date":"2024-04-13","Submission Date":"2024-08-05","Generation":0,"Base Model":"acme/one"}',NULL,'{"id":"acme_one_bfloat16","model":{"name":"acme/one","sha":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","type":"chatmodels","weight_type":"Original","architecture":"LlamaForCausalLM","average_score":30.25,"has_chat_template":true},"evaluations":{"ifeval":{"name":"IFEval","value":0.33,"normalized_score":33.25},"bbh":{"name":"BBH","value":0.36,"normalized_score":10.5},"math":{"name":"MATH Level 5","value":0.014,"normalized_score":1.4},"gpqa":{"name":"GPQA","value":0.26,"normalized_score":1.25},"musr":{"name":"MUSR","value":0.38,"normalized_score":5.75},"mmlu_pro":{"name":"MMLU-PRO","value":0.12,"normalized_score":1.85}},"features":{"is_not_available_on_hub":false,"is_merged":false,"is_moe":false,"is_flagged":false,"is_official_provider":false},"metadata":{"upload_date":"2024-04-13","submission_date":"2024-08-05","generation":0,"base_model":"acme/one","hub_license":"apache-2.0","hub_hearts":3,"params_billions":7.242,"co2_cost":1.25}}','{"id":"acme/one_bfloat16_0123456789abcdef0123456789abcdef01234567_True","model":{"name":"acme/one","sha":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","type":"chatmodels","weight_type":"Original","architecture":"LlamaForCausalLM","average_score":30.25,"has_chat_template":true},"evaluations":{"ifeval":{"name":"IFEval","value":0.33,"normalized_score":33.25},"bbh":{"name":"BBH","value":0.36,"normalized_score":10.5},"math":{"name":"MATH Level 5","value":0.014,"normalized_score":1.4},"gpqa":{"name":"GPQA","value":0.26,"normalized_score":1.25},"musr":{"name":"MUSR","value":0.38,"normalized_score":5.75},"mmlu_pro":{"name":"MMLU-PRO","value":0.12,"normalized_score":1.85}},"features":{"is_not_available_on_hub":true,"is_merged":false,"is_moe":false,"is_flagged":false,"is_official_provider":false},"metadata":{"upload_date":"2024-04-13","submission_date":"2024-08-05","generation":0,"base_model":"acme/one","hub_license":"apache-2.0","hub_hearts":3,"params_billions":7.242,"co2_cost":1.25}}');
INSERT INTO models VALUES(1,'other_two_bfloat16','other/two','0123456789abcdef0123456789abcdef01234567','bfloat16','💬 chat models (RLHF, DPO, IFT, ...)','Original','LlamaForCausalLM','apache-2.0',20.499999999999999999,7.2419999999999999928,'{"eval_name":"other_two_bfloat16","Precision":"bfloat16","Type":"💬 chat models (RLHF, DPO, IFT, ...)","T":"💬","Weight type":"Original","Architecture":"LlamaForCausalLM","Model":"<a href=\"x\">other/two</a>","fullname":"other/two","Model sha":"0123456789abcdef0123456789abcdef01234567","Average ⬆️":20.5,"Hub License":"apache-2.0","Hub ❤️":3,"#Params (B)":7.242,"Available on the hub":true,"MoE":false,"Flagged":false,"Chat Template":true,"CO₂ cost (kg)":1.25,"IFEval Raw":0.33,"IFEval":33.25,"BBH Raw":0.36,"BBH":10.5,"MATH Lvl 5 Raw":0.014,"MATH Lvl 5":1.4,"GPQA Raw":0.26,"GPQA":1.25,"MUSR Raw":0.38,"MUSR":5.75,"MMLU-PRO Raw":0.12,"MMLU-PRO":1.85,"Merged":false,"Official Providers":false,"Upload To Hub Date":"2024-04-13","Submission Date":"2024-08-05","Generation":0,"Base Model":"other/two"}',NULL,'{"id":"other_two_bfloat16","model":{"name":"other/two","sha":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","type":"chatmodels","weight_type":"Original","architecture":"LlamaForCausalLM","average_score":20.5,"has_chat_template":true},"evaluations":{"ifeval":{"name":"IFEval","value":0.33,"normalized_score":33.25},"bbh":{"name":"BBH","value":0.36,"normalized_score":10.5},"math":{"name":"MATH Level 5","value":0.014,"normalized_score":1.4},"gpqa":{"name":"GPQA","value":0.26,"normalized_score":1.25},"musr":{"name":"MUSR","value":0.38,"normalized_score":5.75},"mmlu_pro":{"name":"MMLU-PRO","value":0.12,"normalized_score":1.85}},"features":{"is_not_available_on_hub":false,"is_merged":false,"is_moe":false,"is_flagged":false,"is_official_provider":false},"metadata":{"upload_date":"2024-04-13","submission_date":"2024-08-05","generation":0,"base_model":"other/two","hub_license":"apache-2.0","hub_hearts":3,"params_billions":7.242,"co2_cost":1.25}}','{"id":"other/two_bfloat16_0123456789abcdef0123456789abcdef01234567_True","model":{"name":"other/two","sha":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","type":"chatmodels","weight_type":"Original","architecture":"LlamaForCausalLM","average_score":20.5,"has_chat_template":true},"evaluations":{"ifeval":{"name":"IFEval","value":0.33,"normalized_score":33.25},"bbh":{"name":"BBH","value":0.36,"normalized_score":10.5},"math":{"name":"MATH Level 5","value":0.014,"normalized_score":1.4},"gpqa":{"name":"GPQA","value":0.26,"normalized_score":1.25},"musr":{"name":"MUSR","value":0.38,"normalized_score":5.75},"mmlu_pro":{"name":"MMLU-PRO","value":0.12,"normalized_score":1.85}},"features":{"is_not_available_on_hub":true,"is_merged":false,"is_moe":false,"is_flagged":false,"is_official_provider":false},"metadata":{"upload_date":"2024-04-13","submission_date":"2024-08-05","generation":0,"base_model":"other/two","hub_license":"apache-2.0","hub_hearts":3,"params_billions":7.242,"co2_cost":1.25}}');
CREATE TABLE scores (
    position   INTEGER NOT NULL REFERENCES models (position) ON DELETE CASCADE,
    benchmark  TEXT NOT NULL,
    value      REAL,
    normalized REAL,
    PRIMARY KEY (position, benchmark)
) WITHOUT ROWID;
INSERT INTO scores VALUES(0,'bbh',0.35999999999999998667,10.499999999999999999);
INSERT INTO scores VALUES(0,'gpqa',0.26000000000000000888,1.25);
INSERT INTO scores VALUES(0,'ifeval',0.33000000000000001554,33.25);
INSERT INTO scores VALUES(0,'math',0.014000000000000000291,1.3999999999999999111);
INSERT INTO scores VALUES(0,'mmlu_pro',0.11999999999999999555,1.8500000000000000888);
INSERT INTO scores VALUES(0,'musr',0.38000000000000000444,5.75);
INSERT INTO scores VALUES(1,'bbh',0.35999999999999998667,10.499999999999999999);
INSERT INTO scores VALUES(1,'gpqa',0.26000000000000000888,1.25);
INSERT INTO scores VALUES(1,'ifeval',0.33000000000000001554,33.25);
INSERT INTO scores VALUES(1,'math',0.014000000000000000291,1.3999999999999999111);
INSERT INTO scores VALUES(1,'mmlu_pro',0.11999999999999999555,1.8500000000000000888);
INSERT INTO scores VALUES(1,'musr',0.38000000000000000444,5.75);
CREATE TABLE official_providers (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;
INSERT INTO official_providers VALUES('acme');
CREATE TABLE datasets (
    name         TEXT PRIMARY KEY,
    repo         TEXT NOT NULL,
    revision     TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    rows         INTEGER NOT NULL,
    pulled_at    INTEGER NOT NULL,
    checked_at   INTEGER NOT NULL,
    failed_at    INTEGER NOT NULL,
    error        TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO datasets VALUES('contents','acme/contents','df409997a0daf94a29f202212035f0bfcc1466ad','ae386e8e7d3e6d4a5ba11395cdac73d9aa51c2030fa982da1090f4df12619501',2,1795535930,1795535930,0,'');
INSERT INTO datasets VALUES('official-providers','acme/official-providers','ad963a71c4f4fcf36c7387cdc441f4494a7fa4ed','',1,1795535930,1795535930,0,'');
INSERT INTO datasets VALUES('requests','acme/requests','b7a03c1db0ad358ee4b4750eab6a8f07387cbdc7','',2,1795535930,1795535930,0,'');
INSERT INTO datasets VALUES('votes','acme/votes','3501ece3616e91bf39a8636d8e74f380160ad3ac','',2,1795535930,1795535930,0,'');
CREATE TABLE snapshots (
    name         TEXT NOT NULL,
    profile      TEXT NOT NULL,
    encoding     TEXT NOT NULL,
    file         TEXT NOT NULL,
    etag         TEXT NOT NULL,
    length       INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (name, profile, encoding)
) WITHOUT ROWID;
INSERT INTO snapshots VALUES('formatted','documented','br','formatted.documented.17895dbcf7133cff2e71642155f9dad2.json.br','17895dbcf7133cff2e71642155f9dad2',484,1795535930);
INSERT INTO snapshots VALUES('formatted','documented','gzip','formatted.documented.0483650a351a5d00b45296296955d75c.json.gz','0483650a351a5d00b45296296955d75c',537,1795535930);
INSERT INTO snapshots VALUES('formatted','documented','identity','formatted.documented.c1609017a22c929a4a370cb1842a5158.json','c1609017a22c929a4a370cb1842a5158',1946,1795535930);
INSERT INTO snapshots VALUES('formatted','documented','zstd','formatted.documented.676a9d668c373e9692d226c3d1b637c0.json.zst','676a9d668c373e9692d226c3d1b637c0',538,1795535930);
INSERT INTO snapshots VALUES('formatted','space','br','formatted.space.48a616fb24a89b2fb8bed33bf991f3a5.json.br','48a616fb24a89b2fb8bed33bf991f3a5',490,1795535930);
INSERT INTO snapshots VALUES('formatted','space','gzip','formatted.space.6c271d006ad6d1e6fe8c39035915c667.json.gz','6c271d006ad6d1e6fe8c39035915c667',539,1795535930);
INSERT INTO snapshots VALUES('formatted','space','identity','formatted.space.3c7e998ca9b4e14bffc2f1a70e9ea4b2.json','3c7e998ca9b4e14bffc2f1a70e9ea4b2',2025,1795535930);
INSERT INTO snapshots VALUES('formatted','space','zstd','formatted.space.b1f65bf74f1439a2ed357736d26e8b35.json.zst','b1f65bf74f1439a2ed357736d26e8b35',540,1795535930);
INSERT INTO snapshots VALUES('leaderboard','documented','br','leaderboard.documented.0eab962610560c9fb199725d1a38a0aa.json.br','0eab962610560c9fb199725d1a38a0aa',527,1795535930);
INSERT INTO snapshots VALUES('leaderboard','documented','gzip','leaderboard.documented.df3476f73d79642dc29f8a3e12d85a10.json.gz','df3476f73d79642dc29f8a3e12d85a10',573,1795535930);
INSERT INTO snapshots VALUES('leaderboard','documented','identity','leaderboard.documented.46c7ff33e1a5da656c2ebed097624daa.json','46c7ff33e1a5da656c2ebed097624daa',1637,1795535930);
INSERT INTO snapshots VALUES('leaderboard','documented','zstd','leaderboard.documented.f044632bf58a80de1799d4cabecbca52.json.zst','f044632bf58a80de1799d4cabecbca52',581,1795535930);
INSERT INTO snapshots VALUES('leaderboard','space','br','leaderboard.space.8e204c99c7ed18ab9f3f04ae47e97a7b.json.br','8e204c99c7ed18ab9f3f04ae47e97a7b',520,1795535930);
INSERT INTO snapshots VALUES('leaderboard','space','gzip','leaderboard.space.ff9f56732c2f2b8caf5b82ff5c67062d.json.gz','ff9f56732c2f2b8caf5b82ff5c67062d',567,1795535930);
INSERT INTO snapshots VALUES('leaderboard','space','identity','leaderboard.space.2b41342cd3dadda84170b55332fde2d1.json','2b41342cd3dadda84170b55332fde2d1',1626,1795535930);
INSERT INTO snapshots VALUES('leaderboard','space','zstd','leaderboard.space.4ee9fb32537c8a204bf760098b4f4b29.json.zst','4ee9fb32537c8a204bf760098b4f4b29',574,1795535930);
CREATE TABLE history_snapshots (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    revision  TEXT NOT NULL,
    pulled_at INTEGER NOT NULL,
    rows      INTEGER NOT NULL,
    added     INTEGER NOT NULL,
    removed   INTEGER NOT NULL,
    changed   INTEGER NOT NULL
);
INSERT INTO history_snapshots VALUES(1,'6d648d604a0ed536a14ccc06b8c8d13645ed57cf',1795535930,1,1,0,0);
INSERT INTO history_snapshots VALUES(2,'df409997a0daf94a29f202212035f0bfcc1466ad',1795535930,2,1,0,1);
CREATE TABLE history_versions (
    id            INTEGER PRIMARY KEY,
    from_snapshot INTEGER NOT NULL,
    to_snapshot   INTEGER,
    place         INTEGER NOT NULL,
    occurrence    INTEGER NOT NULL,
    key           TEXT NOT NULL,
    raw           TEXT NOT NULL
);
INSERT INTO history_versions VALUES(1,1,2,4294967296,0,'acme_one_bfloat16','{"eval_name":"acme_one_bfloat16","Precision":"bfloat16","Type":"💬 chat models (RLHF, DPO, IFT, ...)","T":"💬","Weight type":"Original","Architecture":"LlamaForCausalLM","Model":"<a href=\"x\">acme/one</a>","fullname":"acme/one","Model sha":"0123456789abcdef0123456789abcdef01234567","Average ⬆️":20.5,"Hub License":"apache-2.0","Hub ❤️":3,"#Params (B)":7.242,"Available on the hub":true,"MoE":false,"Flagged":false,"Chat Template":true,"CO₂ cost (kg)":1.25,"IFEval Raw":0.33,"IFEval":33.25,"BBH Raw":0.36,"BBH":10.5,"MATH Lvl 5 Raw":0.014,"MATH Lvl 5":1.4,"GPQA Raw":0.26,"GPQA":1.25,"MUSR Raw":0.38,"MUSR":5.75,"MMLU-PRO Raw":0.12,"MMLU-PRO":1.85,"Merged":false,"Official Providers":false,"Upload To Hub Date":"2024-04-13","Submission Date":"2024-08-05","Generation":0,"Base Model":"acme/one"}');
INSERT INTO history_versions VALUES(2,2,NULL,4294967296,0,'acme_one_bfloat16','{"eval_name":"acme_one_bfloat16","Precision":"bfloat16","Type":"💬 chat models (RLHF, DPO, IFT, ...)","T":"💬","Weight type":"Original","Architecture":"LlamaForCausalLM","Model":"<a href=\"x\">acme/one</a>","fullname":"acme/one","Model sha":"0123456789abcdef0123456789abcdef01234567","Average ⬆️":30.25,"Hub License":"apache-2.0","Hub ❤️":3,"#Params (B)":7.242,"Available on the hub":true,"MoE":false,"Flagged":false,"Chat Template":true,"CO₂ cost (kg)":1.25,"IFEval Raw":0.33,"IFEval":33.25,"BBH Raw":0.36,"BBH":10.5,"MATH Lvl 5 Raw":0.014,"MATH Lvl 5":1.4,"GPQA Raw":0.26,"GPQA":1.25,"MUSR Raw":0.38,"MUSR":5.75,"MMLU-PRO Raw":0.12,"MMLU-PRO":1.85,"Merged":false,"Official Providers":false,"Upload To Hub Date":"2024-04-13","Submission Date":"2024-08-05","Generation":0,"Base Model":"acme/one"}');
INSERT INTO history_versions VALUES(3,2,NULL,8589934592,0,'other_two_bfloat16','{"eval_name":"other_two_bfloat16","Precision":"bfloat16","Type":"💬 chat models (RLHF, DPO, IFT, ...)","T":"💬","Weight type":"Original","Architecture":"LlamaForCausalLM","Model":"<a href=\"x\">other/two</a>","fullname":"other/two","Model sha":"0123456789abcdef0123456789abcdef01234567","Average ⬆️":20.5,"Hub License":"apache-2.0","Hub ❤️":3,"#Params (B)":7.242,"Available on the hub":true,"MoE":false,"Flagged":false,"Chat Template":true,"CO₂ cost (kg)":1.25,"IFEval Raw":0.33,"IFEval":33.25,"BBH Raw":0.36,"BBH":10.5,"MATH Lvl 5 Raw":0.014,"MATH Lvl 5":1.4,"GPQA Raw":0.26,"GPQA":1.25,"MUSR Raw":0.38,"MUSR":5.75,"MMLU-PRO Raw":0.12,"MMLU-PRO":1.85,"Merged":false,"Official Providers":false,"Upload To Hub Date":"2024-04-13","Submission Date":"2024-08-05","Generation":0,"Base Model":"other/two"}');
CREATE TABLE requests (
    path           TEXT PRIMARY KEY,
    oid            TEXT NOT NULL,
    model          TEXT NOT NULL,
    revision       TEXT NOT NULL,
    precision      TEXT NOT NULL,
    weight_type    TEXT NOT NULL,
    status         TEXT NOT NULL,
    sender         TEXT NOT NULL,
    submitted_at   INTEGER NOT NULL,
    submitted_time TEXT NOT NULL,
    content        TEXT NOT NULL
, model_type TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
INSERT INTO requests VALUES('acme/one_eval_request_False_bfloat16_Original.json','8463e088918bb19ad764925b03901ad1ddd142bd','acme/one','0123456789abcdef0123456789abcdef01234567','bfloat16','Original','PENDING','alice',1722853230,'2024-08-05T10:20:30Z',replace('{"model":"acme/one","base_model":"","revision":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","params":7.242,"architectures":"LlamaForCausalLM","weight_type":"Original","status":"PENDING","submitted_time":"2024-08-05T10:20:30Z","model_type":"💬 chat models (RLHF, DPO, IFT, ...)","job_id":-1,"job_start_time":null,"use_chat_template":true,"sender":"alice"}\n','\n',char(10)),'💬 chat models (RLHF, DPO, IFT, ...)');
INSERT INTO requests VALUES('acme/three_eval_request_False_bfloat16_Original.json','','acme/three','0123456789abcdef0123456789abcdef01234567','bfloat16','Original','PENDING','alice',1722853230,'2024-08-05T10:20:30Z',replace('{"model":"acme/three","base_model":"","revision":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","params":7.242,"architectures":"LlamaForCausalLM","weight_type":"Original","status":"PENDING","submitted_time":"2024-08-05T10:20:30Z","model_type":"💬 chat models (RLHF, DPO, IFT, ...)","job_id":-1,"job_start_time":null,"use_chat_template":true,"sender":"alice"}\n','\n',char(10)),'💬 chat models (RLHF, DPO, IFT, ...)');
INSERT INTO requests VALUES('acme/two_eval_request_False_bfloat16_Original.json','d3f68b8f282d85a0e0d81a5f1b4558dd9624cc48','acme/two','0123456789abcdef0123456789abcdef01234567','bfloat16','Original','FINISHED','alice',1722853230,'2024-08-05T10:20:30Z',replace('{"model":"acme/two","base_model":"","revision":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","params":7.242,"architectures":"LlamaForCausalLM","weight_type":"Original","status":"FINISHED","submitted_time":"2024-08-05T10:20:30Z","model_type":"💬 chat models (RLHF, DPO, IFT, ...)","job_id":-1,"job_start_time":null,"use_chat_template":true,"sender":"alice"}\n','\n',char(10)),'💬 chat models (RLHF, DPO, IFT, ...)');
CREATE TABLE request_states (
    path    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    status  TEXT NOT NULL,
    PRIMARY KEY (path, seen_at, status)
) WITHOUT ROWID;
INSERT INTO request_states VALUES('acme/one_eval_request_False_bfloat16_Original.json',1795535930,'PENDING');
INSERT INTO request_states VALUES('acme/two_eval_request_False_bfloat16_Original.json',1795535930,'FINISHED');
INSERT INTO request_states VALUES('acme/two_eval_request_False_bfloat16_Original.json',1795535930,'RUNNING');
CREATE TABLE request_skips (
    path   TEXT PRIMARY KEY,
    oid    TEXT NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO request_skips VALUES('acme/broken_eval_request_False_bfloat16_Original.json','ff737b102e5db4621952ba31a9b05e371aca4de1','its "model" is no text of 1 to 512 bytes');
CREATE TABLE request_staging (
    path    TEXT PRIMARY KEY,
    oid     TEXT NOT NULL,
    content BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE votes (
    model     TEXT NOT NULL,
    revision  TEXT NOT NULL,
    username  TEXT NOT NULL,
    vote_type TEXT NOT NULL CHECK (vote_type IN ('up', 'down')),
    timestamp TEXT NOT NULL,
    pull      INTEGER NOT NULL,
    PRIMARY KEY (model, revision, username)
) WITHOUT ROWID;
INSERT INTO votes VALUES('acme/one','0123456789abcdef0123456789abcdef01234567','alice','up','2024-08-05T10:20:30Z',1);
INSERT INTO votes VALUES('acme/one','0123456789abcdef0123456789abcdef01234567','bob','down','2024-08-05T10:20:30Z',1);
INSERT INTO votes VALUES('acme/one','0123456789abcdef0123456789abcdef01234567','carol','up','2024-08-05T10:20:30Z',0);
INSERT INTO votes VALUES('acme/two','0123456789abcdef0123456789abcdef01234567','carol','down','2024-08-05T10:20:30Z',0);
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset    TEXT NOT NULL,
    path       TEXT NOT NULL,
    base_oid   TEXT NOT NULL,
    model      TEXT NOT NULL,
    revision   TEXT NOT NULL,
    username   TEXT NOT NULL,
    content    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    parked     INTEGER NOT NULL DEFAULT 0,
    error      TEXT NOT NULL DEFAULT ''
);
INSERT INTO outbox VALUES(1,'votes','','','acme/one','0123456789abcdef0123456789abcdef01234567','carol','{"model": "acme/one", "revision": "0123456789abcdef0123456789abcdef01234567", "username": "carol", "timestamp": "2024-08-05T10:20:30Z", "vote_type": "up"}',1795535930,0,0,'');
INSERT INTO outbox VALUES(2,'requests','acme/three_eval_request_False_bfloat16_Original.json','','','','',replace('{"model":"acme/three","base_model":"","revision":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","params":7.242,"architectures":"LlamaForCausalLM","weight_type":"Original","status":"PENDING","submitted_time":"2024-08-05T10:20:30Z","model_type":"💬 chat models (RLHF, DPO, IFT, ...)","job_id":-1,"job_start_time":null,"use_chat_template":true,"sender":"alice"}\n','\n',char(10)),1795535930,0,0,'');
INSERT INTO outbox VALUES(3,'votes','','','acme/two','0123456789abcdef0123456789abcdef01234567','carol','{"model": "acme/two", "revision": "0123456789abcdef0123456789abcdef01234567", "username": "carol", "timestamp": "2024-08-05T10:20:30Z", "vote_type": "down"}',1795535930,5,1,'the Hub refused it');
CREATE TABLE submissions (
    username     TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    path         TEXT NOT NULL,
    PRIMARY KEY (username, submitted_at, path)
) WITHOUT ROWID;
INSERT INTO submissions VALUES('alice',1722853230,'acme/three_eval_request_False_bfloat16_Original.json');
CREATE TABLE tokens (
    hash       TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    person     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO tokens VALUES('55e1950ce0db919d437243287327a6160484e7d6c5e339391c27ddbbf3f1d419','alice',1,1795536230);
CREATE TABLE model_facts (
    model      TEXT NOT NULL,
    revision   TEXT NOT NULL,
    facts      TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (model, revision)
) WITHOUT ROWID;
INSERT INTO model_facts VALUES('acme/one','main','{}',4102444800);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('history_snapshots',2);
INSERT INTO sqlite_sequence VALUES('outbox',3);
CREATE INDEX models_name ON models (name, precision);
CREATE INDEX models_average ON models (average_score);
CREATE INDEX history_snapshots_revision ON history_snapshots (revision);
CREATE INDEX history_snapshots_pulled_at ON history_snapshots (pulled_at);
CREATE INDEX history_versions_to ON history_versions (to_snapshot, place);
CREATE INDEX history_versions_from ON history_versions (from_snapshot);
CREATE UNIQUE INDEX history_versions_current ON history_versions (key, occurrence)
    WHERE to_snapshot IS NULL;
CREATE INDEX requests_model ON requests (model, submitted_at);
CREATE INDEX requests_status ON requests (status, submitted_at);
CREATE INDEX votes_username ON votes (username, timestamp);
CREATE INDEX outbox_dataset ON outbox (dataset, parked, id);
CREATE INDEX requests_sender ON requests (sender, submitted_at);
CREATE INDEX tokens_expiry ON tokens (expires_at);
CREATE INDEX model_facts_expiry ON model_facts (expires_at);
COMMIT;
PRAGMA application_id=1279411021;
PRAGMA user_version=3;
