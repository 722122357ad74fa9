-- Named statements for sqlite.
-- Generated from cachedb/catalog/queries by `make golden`; never edited by hand.

-- name: blobs.broken
WITH RECURSIVE broken_seed AS (SELECT blob.id AS id FROM blob WHERE blob.state IN (0, 2)),
broken(id) AS (SELECT broken_seed.id AS id FROM broken_seed UNION SELECT edge.parent_id AS
parent_id FROM broken JOIN edge ON edge.child_id = broken.id) SELECT broken.id FROM broken;

-- name: blobs.entries
SELECT blob.id, blob.digest, blob.kind, blob.state, blob.problem, configured.os AS
configured_os, configured.architecture AS configured_architecture, configured.variant AS
configured_variant, configured.os_version AS configured_os_version FROM blob LEFT OUTER JOIN
platform AS configured ON configured.id = blob.platform_id WHERE blob.id IN (SELECT
anon_1.value AS value FROM json_each(:targets) AS anon_1);

-- name: blobs.manifests
SELECT link.parent_id, link.child_id, blob.digest, blob.kind, blob.state, blob.problem,
declared.os AS declared_os, declared.architecture AS declared_architecture, declared.variant AS
declared_variant, declared.os_version AS declared_os_version, configured.os AS configured_os,
configured.architecture AS configured_architecture, configured.variant AS configured_variant,
configured.os_version AS configured_os_version FROM link JOIN blob ON blob.id = link.child_id
LEFT OUTER JOIN platform AS declared ON declared.id = link.platform_id LEFT OUTER JOIN platform
AS configured ON configured.id = blob.platform_id WHERE link.parent_id IN (SELECT anon_1.value
AS value FROM json_each(:parents) AS anon_1) AND link.role = 1 ORDER BY link.parent_id,
link.position;

-- name: blobs.of_digests
SELECT blob.id, blob.digest, blob.media_type, blob.size, blob.kind FROM blob WHERE blob.digest
BETWEEN :low AND :high AND blob.state != 4 ORDER BY blob.digest;

-- name: blobs.partial
WITH RECURSIVE partial_seed AS (SELECT blob.id AS id FROM blob WHERE blob.state = 3),
partial(id) AS (SELECT partial_seed.id AS id FROM partial_seed UNION SELECT edge.parent_id AS
parent_id FROM partial JOIN edge ON edge.child_id = partial.id) SELECT partial.id FROM partial;

-- name: blobs.sizes
WITH RECURSIVE targets AS (SELECT anon_1.value AS value FROM json_each(:targets) AS anon_1),
content(root, id) AS (SELECT targets.value AS root, targets.value AS id FROM targets UNION
SELECT content.root AS root, edge.child_id AS child_id FROM content JOIN edge ON edge.parent_id
= content.id) SELECT content.root, sum(blob.size) AS size FROM content JOIN blob ON blob.id =
content.id WHERE blob.state IN (1, 2) GROUP BY content.root;

-- name: blobs.without_file
SELECT blob.digest FROM blob WHERE blob.state IN (0, 3);

-- name: refs.all
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned FROM ref JOIN blob ON blob.id = ref.target_id ORDER BY ref.position;

-- name: refs.containing
WITH RECURSIVE above_seed AS (SELECT blob.id AS id FROM blob WHERE blob.id = :blob_id),
above(id) AS (SELECT above_seed.id AS id FROM above_seed UNION SELECT edge.parent_id AS
parent_id FROM above JOIN edge ON edge.child_id = above.id) SELECT ref.id, ref.name,
ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind, ref.pinned FROM ref JOIN
blob ON blob.id = ref.target_id WHERE ref.target_id IN (SELECT above.id FROM above) ORDER BY
ref.position;

-- name: refs.names
SELECT ref.name FROM ref WHERE ref.name IS NOT NULL;

-- name: refs.of_digests
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned FROM ref JOIN blob ON blob.id = ref.target_id WHERE blob.digest BETWEEN :low AND
:high ORDER BY ref.position;

-- name: refs.of_ids
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned FROM ref JOIN blob ON blob.id = ref.target_id WHERE ref.id IN (SELECT anon_1.value
AS value FROM json_each(:ids) AS anon_1) ORDER BY ref.position;

-- name: refs.of_names
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned FROM ref JOIN blob ON blob.id = ref.target_id WHERE ref.name IN (SELECT anon_1.value
AS value FROM json_each(:names) AS anon_1) ORDER BY ref.position;

-- name: refs.of_tag
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned FROM ref JOIN blob ON blob.id = ref.target_id WHERE ref.registry = :registry AND
ref.repo = :repo AND ref.tag IS :tag ORDER BY ref.position;

-- name: sboms.unread
SELECT sbom.document_id FROM sbom WHERE sbom.packages IS NULL LIMIT 1 OFFSET 0;

-- name: state.forget
DELETE FROM state WHERE state."key" = :key;

-- name: state.record
INSERT INTO state ("key", value) VALUES (:key, :value);

-- name: state.recorded
SELECT state.value FROM state WHERE state."key" = :key;
