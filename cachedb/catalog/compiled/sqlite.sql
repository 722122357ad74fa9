-- Named statements for sqlite.
-- Generated from cachedb/catalog/queries by `make golden`; never edited by hand.

-- name: blobs.broken
WITH RECURSIVE broken_seed AS (SELECT blob.id AS id FROM blob WHERE blob.state != 1 AND
blob.state IN (0, 2)), broken(id) AS (SELECT broken_seed.id AS id FROM broken_seed UNION SELECT
edge.parent_id AS parent_id FROM broken JOIN edge ON edge.child_id = broken.id) SELECT
broken.id FROM broken;

-- name: blobs.documents_below
WITH RECURSIVE content_seed AS (SELECT blob.id AS id FROM blob WHERE blob.id = :blob_id),
content(id) AS (SELECT content_seed.id AS id FROM content_seed UNION SELECT edge.child_id AS
child_id FROM content JOIN edge ON edge.parent_id = content.id) SELECT blob.id, blob.digest
FROM blob JOIN content ON content.id = blob.id WHERE blob.kind IN (1, 2, 5) ORDER BY
blob.digest;

-- name: blobs.entries
SELECT blob.id, blob.digest, blob.kind, blob.state, blob.problem, configured.os AS
configured_os, configured.architecture AS configured_architecture, configured.variant AS
configured_variant, configured.os_version AS configured_os_version FROM blob LEFT OUTER JOIN
platform AS configured ON configured.id = blob.platform_id WHERE blob.id IN (SELECT
anon_1.value AS value FROM json_each(:targets) AS anon_1);

-- name: blobs.id
SELECT blob.id FROM blob WHERE blob.digest = :digest;

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

-- name: blobs.nodes
SELECT blob.id, blob.digest, blob.kind, blob.state, blob.size, blob.platform_id FROM blob WHERE
blob.id IN (SELECT anon_1.value AS value FROM json_each(:ids) AS anon_1);

-- name: blobs.of_digests
SELECT blob.id, blob.digest, blob.media_type, blob.size, blob.kind FROM blob WHERE blob.digest
BETWEEN :low AND :high AND blob.state != 4 ORDER BY blob.digest;

-- name: blobs.partial
WITH RECURSIVE partial_seed AS (SELECT blob.id AS id FROM blob WHERE blob.state != 1 AND
blob.state IN (3)), partial(id) AS (SELECT partial_seed.id AS id FROM partial_seed UNION SELECT
edge.parent_id AS parent_id FROM partial JOIN edge ON edge.child_id = partial.id) SELECT
partial.id FROM partial;

-- name: blobs.sizes
WITH RECURSIVE targets AS (SELECT anon_1.value AS value FROM json_each(:targets) AS anon_1),
content(root, id) AS (SELECT targets.value AS root, targets.value AS id FROM targets UNION
SELECT content.root AS root, edge.child_id AS child_id FROM content JOIN edge ON edge.parent_id
= content.id) SELECT content.root, sum(blob.size) AS size FROM content JOIN blob ON blob.id =
content.id WHERE blob.state IN (1, 2) GROUP BY content.root;

-- name: blobs.without_file
SELECT blob.digest FROM blob WHERE blob.state != 1 AND blob.state IN (0, 3);

-- name: configs.env
SELECT env."key", env.value FROM env WHERE env.blob_id = :blob_id ORDER BY env."key";

-- name: configs.labels
SELECT label."key", label.value FROM label WHERE label.blob_id = :blob_id ORDER BY label."key";

-- name: configs.of_manifest
SELECT config.blob_id, config.created, config.author, config.user, config.working_dir,
config.entrypoint, config.cmd FROM config JOIN link ON link.child_id = config.blob_id WHERE
link.parent_id = :blob_id AND link.role = 2;

-- name: links.children
SELECT link.parent_id, link.child_id, link.role, link.platform_id FROM link WHERE
link.parent_id IN (SELECT anon_1.value AS value FROM json_each(:parents) AS anon_1) AND
link.role != 4 ORDER BY link.parent_id, link.role, link.position;

-- name: links.edges
SELECT edge.parent_id, edge.child_id FROM edge WHERE edge.parent_id IN (SELECT anon_1.value AS
value FROM json_each(:parents) AS anon_1) ORDER BY edge.parent_id, edge.child_id;

-- name: links.edges_above
WITH RECURSIVE above_seed AS (SELECT blob.id AS id FROM blob WHERE blob.id = :blob_id),
above(id) AS (SELECT above_seed.id AS id FROM above_seed UNION SELECT edge.parent_id AS
parent_id FROM above JOIN edge ON edge.child_id = above.id) SELECT edge.parent_id,
edge.child_id FROM edge WHERE edge.child_id IN (SELECT above.id FROM above) ORDER BY
edge.parent_id;

-- name: links.owners
SELECT DISTINCT edge.parent_id FROM edge WHERE edge.parent_id IN (SELECT anon_1.value AS value
FROM json_each(:parents) AS anon_1);

-- name: packages.found
SELECT DISTINCT blob_package.blob_id, package.name, package.version, package.type,
package.license, package.purl, package.vkey, package.id FROM blob_package JOIN package ON
package.id = blob_package.package_id WHERE blob_package.blob_id IN (SELECT anon_1.value AS
value FROM json_each(:targets) AS anon_1) ORDER BY package.name, package.vkey, package.id;

-- name: platforms.of_ids
SELECT platform.id, platform.os, platform.architecture, platform.variant, platform.os_version
FROM platform WHERE platform.id IN (SELECT anon_1.value AS value FROM json_each(:ids) AS
anon_1);

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

-- name: usage.content
WITH RECURSIVE measured_seed AS (SELECT anon_1.value AS value FROM json_each(:targets) AS
anon_1), measured(id) AS (SELECT measured_seed.value AS id FROM measured_seed UNION SELECT
edge.child_id AS child_id FROM measured JOIN edge ON edge.parent_id = measured.id) SELECT
coalesce(sum(blob.size), 0) AS coalesce_1 FROM blob WHERE blob.id IN (SELECT measured.id FROM
measured) AND blob.state IN (1, 2);

-- name: usage.exclusive
WITH RECURSIVE targets AS (SELECT DISTINCT ref.target_id AS target_id FROM ref), content(root,
id) AS (SELECT targets.target_id AS root, targets.target_id AS id FROM targets UNION SELECT
content.root AS root, edge.child_id AS child_id FROM content JOIN edge ON edge.parent_id =
content.id) SELECT alone.root, sum(blob.size) AS size FROM (SELECT min(content.root) AS root,
content.id AS id FROM content GROUP BY content.id HAVING count(*) = 1) AS alone JOIN blob ON
blob.id = alone.id WHERE blob.state IN (1, 2) GROUP BY alone.root;

-- name: usage.freed
WITH RECURSIVE freed_refs AS (SELECT anon_1.value AS value FROM json_each(:refs) AS anon_1),
freed_content_seed AS (SELECT ref.target_id AS id FROM ref WHERE ref.id IN (SELECT
freed_refs.value FROM freed_refs)), freed_content(id) AS (SELECT freed_content_seed.id AS id
FROM freed_content_seed UNION SELECT edge.child_id AS child_id FROM freed_content JOIN edge ON
edge.parent_id = freed_content.id), freed_sharing(id) AS (SELECT freed_content.id AS id FROM
freed_content UNION SELECT edge.parent_id AS parent_id FROM freed_sharing JOIN edge ON
edge.child_id = freed_sharing.id), freed_others_seed AS (SELECT ref.target_id AS id FROM ref
WHERE ref.target_id IN (SELECT freed_sharing.id FROM freed_sharing) AND NOT (EXISTS (SELECT 1
FROM freed_refs WHERE ref.id = freed_refs.value))), freed_others(id) AS (SELECT
freed_others_seed.id AS id FROM freed_others_seed UNION SELECT edge.child_id AS child_id FROM
freed_others JOIN edge ON edge.parent_id = freed_others.id), freed AS (SELECT freed_content.id
AS id FROM freed_content WHERE NOT (EXISTS (SELECT 1 FROM freed_others WHERE freed_others.id =
freed_content.id))) SELECT coalesce(sum(blob.size), 0) AS coalesce_1 FROM blob WHERE blob.id IN
(SELECT freed.id FROM freed) AND blob.state IN (1, 2);

-- name: usage.on_disk
SELECT coalesce(sum(blob.size), 0) AS coalesce_1 FROM blob WHERE blob.state IN (1, 2);

-- name: usage.referenced
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref), live(id) AS (SELECT
live_seed.id AS id FROM live_seed UNION SELECT edge.child_id AS child_id FROM live JOIN edge ON
edge.parent_id = live.id) SELECT coalesce(sum(blob.size), 0) AS coalesce_1 FROM blob WHERE
blob.id IN (SELECT live.id FROM live) AND blob.state IN (1, 2);
