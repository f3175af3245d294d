-- What the Hub said of models.

-- name: model_facts_find
SELECT facts FROM model_facts WHERE model = ?1 AND revision = ?2 AND expires_at > ?3;

-- name: model_facts_put
INSERT INTO model_facts (model, revision, facts, expires_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (model, revision) DO UPDATE SET facts = ?3, expires_at = ?4;

-- name: model_facts_expire
DELETE FROM model_facts WHERE expires_at <= ?1;
