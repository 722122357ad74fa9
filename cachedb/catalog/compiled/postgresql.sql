-- Named statements for postgresql.
-- Generated from cachedb/catalog/queries by `make golden`; never edited by hand.

-- name: blobs.among
SELECT blob.id, blob.digest, blob.media_type, blob.size, blob.kind FROM blob WHERE blob.digest
= ANY (CAST(%(digests)s AS TEXT[])) ORDER BY blob.digest;

-- name: blobs.broken
WITH RECURSIVE broken_seed AS (SELECT blob.id AS id FROM blob WHERE blob.state != 1::INTEGER
AND blob.state IN (0::INTEGER, 2::INTEGER)), broken(id) AS (SELECT broken_seed.id AS id FROM
broken_seed UNION SELECT edge.parent_id AS parent_id FROM broken JOIN edge ON edge.child_id =
broken.id) SELECT broken.id FROM broken;

-- name: blobs.corrupt
SELECT blob.digest, blob.kind, blob.state, blob.problem FROM blob WHERE blob.state !=
1::INTEGER AND blob.state IN (2::INTEGER);

-- name: blobs.document
SELECT blob.id, blob.digest, blob.media_type, blob.size, blob.kind FROM blob WHERE blob.digest
= %(digest)s::VARCHAR AND blob.state = 1::INTEGER AND blob.kind IN (1::INTEGER, 2::INTEGER,
5::INTEGER) AND blob.problem IS NULL ORDER BY blob.digest;

-- name: blobs.documents_below
WITH RECURSIVE content_seed AS (SELECT blob.id AS id FROM blob WHERE blob.id =
%(blob_id)s::BIGINT), content(id) AS (SELECT content_seed.id AS id FROM content_seed UNION
SELECT edge.child_id AS child_id FROM content JOIN edge ON edge.parent_id = content.id) SELECT
blob.id, blob.digest FROM blob JOIN content ON content.id = blob.id WHERE blob.kind IN
(1::INTEGER, 2::INTEGER, 5::INTEGER) ORDER BY blob.digest;

-- name: blobs.entries
SELECT blob.id, blob.digest, blob.kind, blob.state, blob.problem, configured.os AS
configured_os, configured.architecture AS configured_architecture, configured.variant AS
configured_variant, configured.os_version AS configured_os_version FROM blob LEFT OUTER JOIN
platform AS configured ON configured.id = blob.platform_id WHERE blob.id = ANY
(CAST(%(targets)s AS BIGINT[]));

-- name: blobs.id
SELECT blob.id FROM blob WHERE blob.digest = %(digest)s::VARCHAR;

-- name: blobs.manifests
SELECT link.parent_id, link.child_id, blob.digest, blob.kind, blob.state, blob.problem,
declared.os AS declared_os, declared.architecture AS declared_architecture, declared.variant AS
declared_variant, declared.os_version AS declared_os_version, configured.os AS configured_os,
configured.architecture AS configured_architecture, configured.variant AS configured_variant,
configured.os_version AS configured_os_version FROM link JOIN blob ON blob.id = link.child_id
LEFT OUTER JOIN platform AS declared ON declared.id = link.platform_id LEFT OUTER JOIN platform
AS configured ON configured.id = blob.platform_id WHERE link.parent_id = ANY (CAST(%(parents)s
AS BIGINT[])) AND link.role = 1::INTEGER ORDER BY link.parent_id, link.position;

-- name: blobs.members
SELECT link.parent_id, link.child_id AS blob_id, blob.kind, coalesce(link.platform_id,
blob.platform_id) AS platform_id FROM link JOIN blob ON blob.id = link.child_id WHERE
link.parent_id IN (SELECT anon_1.value AS value FROM (SELECT unnest((SELECT CAST(%(parents)s AS
BIGINT[]))) AS value) AS anon_1) AND link.role = 1::INTEGER ORDER BY link.parent_id,
link.position;

-- name: blobs.nodes
SELECT blob.id, blob.digest, blob.kind, blob.state, blob.size, blob.platform_id FROM blob WHERE
blob.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: blobs.of_digests
SELECT blob.id, blob.digest, blob.media_type, blob.size, blob.kind FROM blob WHERE blob.digest
BETWEEN %(low)s::VARCHAR AND %(high)s::VARCHAR AND blob.state != 4::INTEGER ORDER BY
blob.digest;

-- name: blobs.partial
WITH RECURSIVE partial_seed AS (SELECT blob.id AS id FROM blob WHERE blob.state != 1::INTEGER
AND blob.state IN (3::INTEGER)), partial(id) AS (SELECT partial_seed.id AS id FROM partial_seed
UNION SELECT edge.parent_id AS parent_id FROM partial JOIN edge ON edge.child_id = partial.id)
SELECT partial.id FROM partial;

-- name: blobs.platforms
SELECT platform.id, platform.os, platform.architecture, platform.variant, platform.os_version
FROM platform WHERE platform.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: blobs.reachable_without_file
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref), live(id) AS (SELECT
live_seed.id AS id FROM live_seed UNION SELECT edge.child_id AS child_id FROM live JOIN edge ON
edge.parent_id = live.id) SELECT blob.digest FROM blob WHERE blob.id IN (SELECT live.id FROM
live) AND blob.state IN (0::INTEGER, 3::INTEGER);

-- name: blobs.referenced
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref), live(id) AS (SELECT
live_seed.id AS id FROM live_seed UNION SELECT edge.child_id AS child_id FROM live JOIN edge ON
edge.parent_id = live.id) SELECT blob.digest, blob.kind, blob.state, blob.problem FROM blob
WHERE blob.id IN (SELECT live.id FROM live) ORDER BY blob.digest;

-- name: blobs.seen_in
SELECT repository_blob.repository FROM repository_blob WHERE repository_blob.blob_id =
%(blob_id)s::BIGINT ORDER BY repository_blob.seen DESC;

-- name: blobs.sizes
WITH RECURSIVE targets AS (SELECT anon_1.value AS value FROM (SELECT unnest((SELECT
CAST(%(targets)s AS BIGINT[]))) AS value) AS anon_1), content(root, id) AS (SELECT
targets.value AS root, targets.value AS id FROM targets UNION SELECT content.root AS root,
edge.child_id AS child_id FROM content JOIN edge ON edge.parent_id = content.id) SELECT
content.root, sum(blob.size) AS size FROM content JOIN blob ON blob.id = content.id WHERE
blob.state IN (1::INTEGER, 2::INTEGER) GROUP BY content.root;

-- name: blobs.subjects_of_refs
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref WHERE ref.id != ALL
(CAST(%(without)s AS BIGINT[]))), live(id) AS (SELECT live_seed.id AS id FROM live_seed UNION
SELECT edge.child_id AS child_id FROM live JOIN edge ON edge.parent_id = live.id),
subjects_and_theirs_seed AS (SELECT link.child_id AS id FROM link WHERE link.role = 4::INTEGER
AND link.parent_id IN (SELECT live.id FROM live)), subjects_and_theirs(id) AS (SELECT
subjects_and_theirs_seed.id AS id FROM subjects_and_theirs_seed UNION SELECT link.child_id AS
child_id FROM subjects_and_theirs JOIN link ON link.parent_id = subjects_and_theirs.id),
subjects(id) AS (SELECT subjects_and_theirs.id AS id FROM subjects_and_theirs UNION SELECT
edge.child_id AS child_id FROM subjects JOIN edge ON edge.parent_id = subjects.id) SELECT
subjects.id FROM subjects;

-- name: blobs.without_file
SELECT blob.digest FROM blob WHERE blob.state != 1::INTEGER AND blob.state IN (0::INTEGER,
3::INTEGER);

-- name: column_checks.digests
SELECT blob.digest FROM blob UNION ALL SELECT lease_item.digest FROM lease_item;

-- name: column_checks.out_of_range
SELECT 'lease.pid' AS place, count(*) AS rows, min(CAST(lease.pid AS TEXT)) AS example FROM
lease WHERE lease.pid NOT BETWEEN 0::BIGINT AND 9223372036854775807::BIGINT HAVING count(*) >
0::INTEGER UNION ALL SELECT 'lease.created' AS place, count(*) AS rows, min(CAST(lease.created
AS TEXT)) AS example FROM lease WHERE lease.created NOT BETWEEN -62135683200000000::BIGINT AND
253402387200000000::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT 'lease.expires' AS
place, count(*) AS rows, min(CAST(lease.expires AS TEXT)) AS example FROM lease WHERE
lease.expires NOT BETWEEN -62135683200000000::BIGINT AND 253402387200000000::BIGINT HAVING
count(*) > 0::INTEGER UNION ALL SELECT 'blob.size' AS place, count(*) AS rows,
min(CAST(blob.size AS TEXT)) AS example FROM blob WHERE blob.size NOT BETWEEN 0::BIGINT AND
9223372036854775807::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT 'blob.kind' AS place,
count(*) AS rows, min(CAST(blob.kind AS TEXT)) AS example FROM blob WHERE blob.kind NOT BETWEEN
0::BIGINT AND 5::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT 'blob.state' AS place,
count(*) AS rows, min(CAST(blob.state AS TEXT)) AS example FROM blob WHERE blob.state NOT
BETWEEN 0::BIGINT AND 4::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT 'blob.parsed' AS
place, count(*) AS rows, min(CAST(blob.parsed AS TEXT)) AS example FROM blob WHERE blob.parsed
NOT BETWEEN 0::BIGINT AND 3::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT
'blob.verified' AS place, count(*) AS rows, min(CAST(blob.verified AS TEXT)) AS example FROM
blob WHERE blob.verified NOT BETWEEN -62135683200000000::BIGINT AND 253402387200000000::BIGINT
HAVING count(*) > 0::INTEGER UNION ALL SELECT 'config.created' AS place, count(*) AS rows,
min(CAST(config.created AS TEXT)) AS example FROM config WHERE config.created NOT BETWEEN
-62135683200000000::BIGINT AND 253402387200000000::BIGINT HAVING count(*) > 0::INTEGER UNION
ALL SELECT 'link.role' AS place, count(*) AS rows, min(CAST(link.role AS TEXT)) AS example FROM
link WHERE link.role NOT BETWEEN 1::BIGINT AND 4::BIGINT HAVING count(*) > 0::INTEGER UNION ALL
SELECT 'link.position' AS place, count(*) AS rows, min(CAST(link.position AS TEXT)) AS example
FROM link WHERE link.position NOT BETWEEN 0::BIGINT AND 9223372036854775807::BIGINT HAVING
count(*) > 0::INTEGER UNION ALL SELECT 'link.size' AS place, count(*) AS rows,
min(CAST(link.size AS TEXT)) AS example FROM link WHERE link.size NOT BETWEEN 0::BIGINT AND
9223372036854775807::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT 'link.embedded' AS
place, count(*) AS rows, min(CAST(link.embedded AS TEXT)) AS example FROM link WHERE
link.embedded NOT BETWEEN 0::BIGINT AND 1::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT
'ref.position' AS place, count(*) AS rows, min(CAST(ref.position AS TEXT)) AS example FROM ref
WHERE ref.position NOT BETWEEN 0::BIGINT AND 9223372036854775807::BIGINT HAVING count(*) >
0::INTEGER UNION ALL SELECT 'ref.size' AS place, count(*) AS rows, min(CAST(ref.size AS TEXT))
AS example FROM ref WHERE ref.size NOT BETWEEN 0::BIGINT AND 9223372036854775807::BIGINT HAVING
count(*) > 0::INTEGER UNION ALL SELECT 'ref.pinned' AS place, count(*) AS rows,
min(CAST(ref.pinned AS TEXT)) AS example FROM ref WHERE ref.pinned NOT BETWEEN 0::BIGINT AND
1::BIGINT HAVING count(*) > 0::INTEGER UNION ALL SELECT 'ref.source' AS place, count(*) AS
rows, min(CAST(ref.source AS TEXT)) AS example FROM ref WHERE (ref.source NOT IN ('pull',
'build', 'import', 'tag')) HAVING count(*) > 0::INTEGER UNION ALL SELECT 'ref.added' AS place,
count(*) AS rows, min(CAST(ref.added AS TEXT)) AS example FROM ref WHERE ref.added NOT BETWEEN
-62135683200000000::BIGINT AND 253402387200000000::BIGINT HAVING count(*) > 0::INTEGER UNION
ALL SELECT 'ref.pulled' AS place, count(*) AS rows, min(CAST(ref.pulled AS TEXT)) AS example
FROM ref WHERE ref.pulled NOT BETWEEN -62135683200000000::BIGINT AND 253402387200000000::BIGINT
HAVING count(*) > 0::INTEGER UNION ALL SELECT 'ref.used' AS place, count(*) AS rows,
min(CAST(ref.used AS TEXT)) AS example FROM ref WHERE ref.used NOT BETWEEN
-62135683200000000::BIGINT AND 253402387200000000::BIGINT HAVING count(*) > 0::INTEGER UNION
ALL SELECT 'repository_blob.seen' AS place, count(*) AS rows, min(CAST(repository_blob.seen AS
TEXT)) AS example FROM repository_blob WHERE repository_blob.seen NOT BETWEEN
-62135683200000000::BIGINT AND 253402387200000000::BIGINT HAVING count(*) > 0::INTEGER UNION
ALL SELECT 'sbom.packages' AS place, count(*) AS rows, min(CAST(sbom.packages AS TEXT)) AS
example FROM sbom WHERE sbom.packages NOT BETWEEN 0::BIGINT AND 9223372036854775807::BIGINT
HAVING count(*) > 0::INTEGER ORDER BY place;

-- name: completion.annotation_key
SELECT DISTINCT annotation.key FROM annotation WHERE annotation.key >= %(low)s::VARCHAR AND
annotation.key < %(high)s::VARCHAR ORDER BY annotation.key LIMIT %(most)s;

-- name: completion.annotation_value_of_key
SELECT DISTINCT annotation.value FROM annotation WHERE annotation.value >= %(low)s::VARCHAR AND
annotation.value < %(high)s::VARCHAR AND annotation.key = %(key)s::VARCHAR ORDER BY
annotation.value LIMIT %(most)s;

-- name: completion.blob_artifact_type
SELECT DISTINCT blob.artifact_type FROM blob WHERE blob.artifact_type >= %(low)s::VARCHAR AND
blob.artifact_type < %(high)s::VARCHAR ORDER BY blob.artifact_type LIMIT %(most)s;

-- name: completion.blob_digest
SELECT DISTINCT blob.digest FROM blob WHERE blob.digest >= %(low)s::VARCHAR AND blob.digest <
%(high)s::VARCHAR ORDER BY blob.digest LIMIT %(most)s;

-- name: completion.blob_media_type
SELECT DISTINCT blob.media_type FROM blob WHERE blob.media_type >= %(low)s::VARCHAR AND
blob.media_type < %(high)s::VARCHAR ORDER BY blob.media_type LIMIT %(most)s;

-- name: completion.config_entrypoint
SELECT DISTINCT config.entrypoint FROM config WHERE config.entrypoint >= %(low)s::VARCHAR AND
config.entrypoint < %(high)s::VARCHAR ORDER BY config.entrypoint LIMIT %(most)s;

-- name: completion.env_key
SELECT DISTINCT env.key FROM env WHERE env.key >= %(low)s::VARCHAR AND env.key <
%(high)s::VARCHAR ORDER BY env.key LIMIT %(most)s;

-- name: completion.env_value_of_key
SELECT DISTINCT env.value FROM env WHERE env.value >= %(low)s::VARCHAR AND env.value <
%(high)s::VARCHAR AND env.key = %(key)s::VARCHAR ORDER BY env.value LIMIT %(most)s;

-- name: completion.label_key
SELECT DISTINCT label.key FROM label WHERE label.key >= %(low)s::VARCHAR AND label.key <
%(high)s::VARCHAR ORDER BY label.key LIMIT %(most)s;

-- name: completion.label_value_of_key
SELECT DISTINCT label.value FROM label WHERE label.value >= %(low)s::VARCHAR AND label.value <
%(high)s::VARCHAR AND label.key = %(key)s::VARCHAR ORDER BY label.value LIMIT %(most)s;

-- name: completion.link_annotation_key
SELECT DISTINCT link_annotation.key FROM link_annotation WHERE link_annotation.key >=
%(low)s::VARCHAR AND link_annotation.key < %(high)s::VARCHAR ORDER BY link_annotation.key LIMIT
%(most)s;

-- name: completion.link_annotation_value_of_key
SELECT DISTINCT link_annotation.value FROM link_annotation WHERE link_annotation.value >=
%(low)s::VARCHAR AND link_annotation.value < %(high)s::VARCHAR AND link_annotation.key =
%(key)s::VARCHAR ORDER BY link_annotation.value LIMIT %(most)s;

-- name: completion.link_artifact_type
SELECT DISTINCT link.artifact_type FROM link WHERE link.artifact_type >= %(low)s::VARCHAR AND
link.artifact_type < %(high)s::VARCHAR ORDER BY link.artifact_type LIMIT %(most)s;

-- name: completion.link_media_type
SELECT DISTINCT link.media_type FROM link WHERE link.media_type >= %(low)s::VARCHAR AND
link.media_type < %(high)s::VARCHAR ORDER BY link.media_type LIMIT %(most)s;

-- name: completion.package_license
SELECT DISTINCT package.license FROM package WHERE package.license >= %(low)s::VARCHAR AND
package.license < %(high)s::VARCHAR ORDER BY package.license LIMIT %(most)s;

-- name: completion.package_name
SELECT DISTINCT package.name FROM package WHERE package.name >= %(low)s::VARCHAR AND
package.name < %(high)s::VARCHAR ORDER BY package.name LIMIT %(most)s;

-- name: completion.package_purl
SELECT DISTINCT package.purl FROM package WHERE package.purl >= %(low)s::VARCHAR AND
package.purl < %(high)s::VARCHAR ORDER BY package.purl LIMIT %(most)s;

-- name: completion.package_type
SELECT DISTINCT package.type FROM package WHERE package.type >= %(low)s::VARCHAR AND
package.type < %(high)s::VARCHAR ORDER BY package.type LIMIT %(most)s;

-- name: completion.package_version
SELECT DISTINCT package.version FROM package WHERE package.version >= %(low)s::VARCHAR AND
package.version < %(high)s::VARCHAR ORDER BY package.version LIMIT %(most)s;

-- name: completion.package_version_of_name
SELECT DISTINCT package.version FROM package WHERE package.version >= %(low)s::VARCHAR AND
package.version < %(high)s::VARCHAR AND package.name = %(key)s::VARCHAR ORDER BY
package.version LIMIT %(most)s;

-- name: completion.platform_architecture
SELECT DISTINCT platform.architecture FROM platform WHERE platform.architecture >=
%(low)s::VARCHAR AND platform.architecture < %(high)s::VARCHAR ORDER BY platform.architecture
LIMIT %(most)s;

-- name: completion.platform_architecture_of_os
SELECT DISTINCT platform.architecture FROM platform WHERE platform.architecture >=
%(low)s::VARCHAR AND platform.architecture < %(high)s::VARCHAR AND platform.os =
%(key)s::VARCHAR ORDER BY platform.architecture LIMIT %(most)s;

-- name: completion.platform_os
SELECT DISTINCT platform.os FROM platform WHERE platform.os >= %(low)s::VARCHAR AND platform.os
< %(high)s::VARCHAR ORDER BY platform.os LIMIT %(most)s;

-- name: completion.platform_variant
SELECT DISTINCT platform.variant FROM platform WHERE platform.variant >= %(low)s::VARCHAR AND
platform.variant < %(high)s::VARCHAR ORDER BY platform.variant LIMIT %(most)s;

-- name: completion.ref_annotation_key
SELECT DISTINCT ref_annotation.key FROM ref_annotation WHERE ref_annotation.key >=
%(low)s::VARCHAR AND ref_annotation.key < %(high)s::VARCHAR ORDER BY ref_annotation.key LIMIT
%(most)s;

-- name: completion.ref_annotation_value_of_key
SELECT DISTINCT ref_annotation.value FROM ref_annotation WHERE ref_annotation.value >=
%(low)s::VARCHAR AND ref_annotation.value < %(high)s::VARCHAR AND ref_annotation.key =
%(key)s::VARCHAR ORDER BY ref_annotation.value LIMIT %(most)s;

-- name: completion.ref_name
SELECT DISTINCT ref.name FROM ref WHERE ref.name >= %(low)s::VARCHAR AND ref.name <
%(high)s::VARCHAR ORDER BY ref.name LIMIT %(most)s;

-- name: completion.ref_origin
SELECT DISTINCT ref.origin FROM ref WHERE ref.origin >= %(low)s::VARCHAR AND ref.origin <
%(high)s::VARCHAR ORDER BY ref.origin LIMIT %(most)s;

-- name: completion.ref_registry
SELECT DISTINCT ref.registry FROM ref WHERE ref.registry >= %(low)s::VARCHAR AND ref.registry <
%(high)s::VARCHAR ORDER BY ref.registry LIMIT %(most)s;

-- name: completion.ref_repo
SELECT DISTINCT ref.repo FROM ref WHERE ref.repo >= %(low)s::VARCHAR AND ref.repo <
%(high)s::VARCHAR ORDER BY ref.repo LIMIT %(most)s;

-- name: completion.ref_repo_of_registry
SELECT DISTINCT ref.repo FROM ref WHERE ref.repo >= %(low)s::VARCHAR AND ref.repo <
%(high)s::VARCHAR AND ref.registry = %(key)s::VARCHAR ORDER BY ref.repo LIMIT %(most)s;

-- name: completion.ref_tag
SELECT DISTINCT ref.tag FROM ref WHERE ref.tag >= %(low)s::VARCHAR AND ref.tag <
%(high)s::VARCHAR ORDER BY ref.tag LIMIT %(most)s;

-- name: configs.env
SELECT env.key, env.value FROM env WHERE env.blob_id = %(blob_id)s::BIGINT ORDER BY env.key;

-- name: configs.labels
SELECT label.key, label.value FROM label WHERE label.blob_id = %(blob_id)s::BIGINT ORDER BY
label.key;

-- name: configs.of_manifest
SELECT config.blob_id, blob.digest, config.created, config.author, config."user",
config.working_dir, config.entrypoint, config.cmd FROM config JOIN link ON link.child_id =
config.blob_id JOIN blob ON blob.id = config.blob_id WHERE link.parent_id = %(blob_id)s::BIGINT
AND link.role = 2::INTEGER;

-- name: derived_rows.blobs
SELECT blob.id, blob.digest, blob.kind, blob.state, blob.media_type, blob.platform_id FROM blob;

-- name: derived_rows.edges
SELECT edge.parent_id, edge.child_id FROM edge;

-- name: derived_rows.links
SELECT link.parent_id, link.child_id, link.role, link.position, link.media_type, link.size,
link.platform_id, link.embedded FROM link;

-- name: derived_rows.refs
SELECT ref.target_id, ref.name, ref.position, ref.entry, ref.pinned FROM ref;

-- name: documents.delete_annotations
DELETE FROM annotation WHERE annotation.blob_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: documents.delete_configs
DELETE FROM config WHERE config.blob_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: documents.delete_env
DELETE FROM env WHERE env.blob_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: documents.delete_labels
DELETE FROM label WHERE label.blob_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: documents.insert_annotations
INSERT INTO annotation (blob_id, key, value) VALUES (%s::BIGINT, %s::VARCHAR, %s::VARCHAR);

-- name: documents.insert_configs
INSERT INTO config (blob_id, created, author, "user", working_dir, entrypoint, cmd) VALUES
(%s::BIGINT, %s::BIGINT, %s::VARCHAR, %s::VARCHAR, %s::VARCHAR, %s::VARCHAR, %s::VARCHAR);

-- name: documents.insert_env
INSERT INTO env (blob_id, key, value) VALUES (%s::BIGINT, %s::VARCHAR, %s::VARCHAR);

-- name: documents.insert_labels
INSERT INTO label (blob_id, key, value) VALUES (%s::BIGINT, %s::VARCHAR, %s::VARCHAR);

-- name: documents.insert_platform
INSERT INTO platform (os, architecture, variant, os_version) VALUES (%s::VARCHAR, %s::VARCHAR,
%s::VARCHAR, %s::VARCHAR) RETURNING platform.id;

-- name: documents.platforms
SELECT platform.id, platform.os, platform.architecture, platform.variant, platform.os_version
FROM platform;

-- name: files.absent_images
SELECT image.id FROM image WHERE NOT (EXISTS (SELECT 1 FROM blob WHERE blob.digest =
image.digest AND blob.state = 1::INTEGER)) OR image.digest IN (SELECT blob.digest FROM blob
JOIN link ON link.parent_id = blob.id AND link.role = 3::INTEGER JOIN blob AS of_image ON
of_image.id = link.child_id WHERE blob.digest IN (SELECT image.digest FROM image) AND
of_image.state != 1::INTEGER);

-- name: files.absent_layers
SELECT layer.id FROM layer WHERE NOT (EXISTS (SELECT 1 FROM blob WHERE blob.digest =
layer.digest AND blob.state = 1::INTEGER));

-- name: files.add_ancestors
INSERT INTO ancestor (id, path) VALUES (%s::BIGINT, %s::VARCHAR);

-- name: files.add_attributes
INSERT INTO attributes (kind, type, bits, mode, uid, gid) VALUES (%s::INTEGER, %s::VARCHAR,
%s::INTEGER, %s::VARCHAR, %s::BIGINT, %s::BIGINT) RETURNING attributes.id;

-- name: files.add_directories
INSERT INTO directory (id, ancestor_id, below) VALUES (%s::BIGINT, %s::BIGINT, %s::VARCHAR);

-- name: files.add_entries
INSERT INTO entry (id, path_id, attributes_id, size, modified, sha256) VALUES (%s::BIGINT,
%s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s);

-- name: files.add_hidden
INSERT INTO hidden (image_id, entry_id, state) VALUES (%s::BIGINT, %s::BIGINT, %s::INTEGER);

-- name: files.add_image
INSERT INTO image (digest) VALUES (%s::VARCHAR) RETURNING image.id;

-- name: files.add_layer
INSERT INTO layer (digest, entries, problem) VALUES (%s::VARCHAR, %s::INTEGER, %s::VARCHAR)
RETURNING layer.id;

-- name: files.add_linked
INSERT INTO linked (image_id, entry_id, origin_id) VALUES (%s::BIGINT, %s::BIGINT, %s::BIGINT);

-- name: files.add_paths
INSERT INTO path (id, name) VALUES (%s::BIGINT, %s::VARCHAR);

-- name: files.add_placed
INSERT INTO placed (entry_id, stored_id) VALUES (%s::BIGINT, %s::BIGINT);

-- name: files.add_placements
INSERT INTO placement (image_id, entry_id) VALUES (%s::BIGINT, %s::BIGINT);

-- name: files.add_raw_paths
INSERT INTO raw_path (path_id, raw) VALUES (%s::BIGINT, %s);

-- name: files.add_targets
INSERT INTO target (entry_id, target, raw) VALUES (%s::BIGINT, %s::VARCHAR, %s);

-- name: files.add_xattrs
INSERT INTO xattr (entry_id, key, value) VALUES (%s::BIGINT, %s::VARCHAR, %s);

-- name: files.ancestors
SELECT ancestor.id, ancestor.path FROM ancestor WHERE ancestor.path = ANY (CAST(%(paths)s AS
TEXT[])) ORDER BY ancestor.id;

-- name: files.attributes
SELECT attributes.id, attributes.kind, attributes.bits, attributes.uid, attributes.gid FROM
attributes ORDER BY attributes.id;

-- name: files.coverage
WITH RECURSIVE covered_seed AS (SELECT blob.id AS id FROM blob JOIN image ON image.digest =
blob.digest), covered(id) AS (SELECT covered_seed.id AS id FROM covered_seed UNION SELECT
edge.parent_id AS parent_id FROM covered JOIN edge ON edge.child_id = covered.id) SELECT
(SELECT count(*) AS count_1 FROM ref JOIN blob ON blob.id = ref.target_id WHERE
blob.artifact_type IS NULL) AS refs, (SELECT count(*) AS count_1 FROM ref JOIN blob ON blob.id
= ref.target_id WHERE blob.artifact_type IS NULL) - (SELECT count(*) AS count_1 FROM ref JOIN
blob ON blob.id = ref.target_id JOIN covered ON covered.id = ref.target_id WHERE
blob.artifact_type IS NULL) AS without;

-- name: files.delete_entries
DELETE FROM entry WHERE entry.id >= %(low)s::BIGINT AND entry.id < %(high)s::BIGINT;

-- name: files.delete_hidden
DELETE FROM hidden WHERE hidden.image_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: files.delete_images
DELETE FROM image WHERE image.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: files.delete_layers
DELETE FROM layer WHERE layer.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: files.delete_linked
DELETE FROM linked WHERE linked.image_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: files.delete_placements
DELETE FROM placement WHERE placement.image_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: files.delete_targets
DELETE FROM target WHERE target.entry_id >= %(low)s::BIGINT AND target.entry_id <
%(high)s::BIGINT;

-- name: files.delete_unused_ancestors
DELETE FROM ancestor WHERE (ancestor.id NOT IN (SELECT directory.ancestor_id FROM directory));

-- name: files.delete_unused_directories
DELETE FROM directory WHERE NOT (EXISTS (SELECT 1 FROM path WHERE path.id >= (directory.id <<
6) AND path.id < (directory.id + 1::BIGINT << 6)));

-- name: files.delete_unused_entries
DELETE FROM entry WHERE entry.id < 0::BIGINT AND NOT (EXISTS (SELECT 1 FROM placement WHERE
placement.entry_id = entry.id));

-- name: files.delete_unused_paths
DELETE FROM path WHERE NOT (EXISTS (SELECT 1 FROM entry WHERE entry.path_id = path.id));

-- name: files.delete_unused_placed
DELETE FROM placed WHERE placed.entry_id < 0::BIGINT AND NOT (EXISTS (SELECT 1 FROM placement
WHERE placement.entry_id = placed.entry_id));

-- name: files.delete_unused_raw_paths
DELETE FROM raw_path WHERE NOT (EXISTS (SELECT 1 FROM path WHERE path.id = raw_path.path_id));

-- name: files.delete_unused_targets
DELETE FROM target WHERE target.entry_id < 0::BIGINT AND NOT (EXISTS (SELECT 1 FROM placement
WHERE placement.entry_id = target.entry_id));

-- name: files.delete_unused_xattrs
DELETE FROM xattr WHERE xattr.entry_id < 0::BIGINT AND NOT (EXISTS (SELECT 1 FROM placement
WHERE placement.entry_id = xattr.entry_id));

-- name: files.delete_xattrs
DELETE FROM xattr WHERE xattr.entry_id >= %(low)s::BIGINT AND xattr.entry_id < %(high)s::BIGINT;

-- name: files.differences
WITH own_before AS (SELECT entry.id AS id, entry.path_id AS path_id, entry.attributes_id AS
attributes_id, entry.size AS size, entry.sha256 AS sha256 FROM (SELECT anon_1.value AS value
FROM (SELECT unnest((SELECT CAST(%(before_layers)s AS BIGINT[]))) AS value) AS anon_1) AS layer
JOIN entry ON entry.id >= (layer.value << 21) AND entry.id < (layer.value + 1::BIGINT << 21)
WHERE (entry.attributes_id NOT IN (SELECT attributes.id FROM attributes WHERE attributes.kind
IN (8::INTEGER, 9::INTEGER))) AND NOT (EXISTS (SELECT 1 FROM hidden AS hidden_1 WHERE
hidden_1.image_id = %(before)s::BIGINT AND hidden_1.entry_id = entry.id)) UNION ALL SELECT
entry.id AS id, entry.path_id AS path_id, entry.attributes_id AS attributes_id, entry.size AS
size, entry.sha256 AS sha256 FROM hidden JOIN entry ON entry.id = hidden.entry_id WHERE
hidden.image_id = %(after)s::BIGINT AND (entry.id >> 21) = ANY (CAST(%(shared)s AS BIGINT[]))
AND NOT (EXISTS (SELECT 1 FROM hidden AS hidden_2 WHERE hidden_2.image_id = %(before)s::BIGINT
AND hidden_2.entry_id = entry.id)) UNION ALL SELECT entry.id AS id, entry.path_id AS path_id,
entry.attributes_id AS attributes_id, entry.size AS size, entry.sha256 AS sha256 FROM placement
JOIN entry ON entry.id = placement.entry_id WHERE placement.image_id = %(before)s::BIGINT AND
NOT (EXISTS (SELECT 1 FROM placement AS placement_1 WHERE placement_1.image_id =
%(after)s::BIGINT AND placement_1.entry_id = placement.entry_id)) UNION ALL SELECT entry.id AS
id, entry.path_id AS path_id, entry.attributes_id AS attributes_id, entry.size AS size,
entry.sha256 AS sha256 FROM linked JOIN entry ON entry.id = linked.entry_id JOIN linked AS
linked_1 ON linked_1.image_id = %(after)s::BIGINT AND linked_1.entry_id = linked.entry_id WHERE
linked.image_id = %(before)s::BIGINT AND linked_1.origin_id != linked.origin_id), own_after AS
(SELECT entry.id AS id, entry.path_id AS path_id, entry.attributes_id AS attributes_id,
entry.size AS size, entry.sha256 AS sha256 FROM (SELECT anon_2.value AS value FROM (SELECT
unnest((SELECT CAST(%(after_layers)s AS BIGINT[]))) AS value) AS anon_2) AS layer JOIN entry ON
entry.id >= (layer.value << 21) AND entry.id < (layer.value + 1::BIGINT << 21) WHERE
(entry.attributes_id NOT IN (SELECT attributes.id FROM attributes WHERE attributes.kind IN
(8::INTEGER, 9::INTEGER))) AND NOT (EXISTS (SELECT 1 FROM hidden AS hidden_3 WHERE
hidden_3.image_id = %(after)s::BIGINT AND hidden_3.entry_id = entry.id)) UNION ALL SELECT
entry.id AS id, entry.path_id AS path_id, entry.attributes_id AS attributes_id, entry.size AS
size, entry.sha256 AS sha256 FROM hidden JOIN entry ON entry.id = hidden.entry_id WHERE
hidden.image_id = %(before)s::BIGINT AND (entry.id >> 21) = ANY (CAST(%(shared)s AS BIGINT[]))
AND NOT (EXISTS (SELECT 1 FROM hidden AS hidden_4 WHERE hidden_4.image_id = %(after)s::BIGINT
AND hidden_4.entry_id = entry.id)) UNION ALL SELECT entry.id AS id, entry.path_id AS path_id,
entry.attributes_id AS attributes_id, entry.size AS size, entry.sha256 AS sha256 FROM placement
JOIN entry ON entry.id = placement.entry_id WHERE placement.image_id = %(after)s::BIGINT AND
NOT (EXISTS (SELECT 1 FROM placement AS placement_2 WHERE placement_2.image_id =
%(before)s::BIGINT AND placement_2.entry_id = placement.entry_id)) UNION ALL SELECT entry.id AS
id, entry.path_id AS path_id, entry.attributes_id AS attributes_id, entry.size AS size,
entry.sha256 AS sha256 FROM linked JOIN entry ON entry.id = linked.entry_id JOIN linked AS
linked_2 ON linked_2.image_id = %(before)s::BIGINT AND linked_2.entry_id = linked.entry_id
WHERE linked.image_id = %(after)s::BIGINT AND linked_2.origin_id != linked.origin_id) SELECT
own_before.id AS before_id, own_after.id AS after_id FROM own_before LEFT OUTER JOIN own_after
ON own_after.path_id = own_before.path_id WHERE own_after.id IS NULL OR
own_before.attributes_id != own_after.attributes_id OR own_before.size != own_after.size OR
own_before.sha256 IS DISTINCT FROM own_after.sha256 OR own_before.attributes_id IN (SELECT
attributes.id FROM attributes WHERE attributes.kind IN (2::INTEGER)) OR
own_before.attributes_id IN (SELECT attributes.id FROM attributes WHERE attributes.kind IN
(3::INTEGER, 4::INTEGER, 5::INTEGER)) AND (SELECT target.target FROM target WHERE
target.entry_id = own_before.id) IS DISTINCT FROM (SELECT target.target FROM target WHERE
target.entry_id = own_after.id) OR (EXISTS (SELECT 1 FROM xattr WHERE xattr.entry_id =
own_before.id)) OR (EXISTS (SELECT 1 FROM xattr WHERE xattr.entry_id = own_after.id)) UNION ALL
SELECT NULL AS before_id, own_after.id AS after_id FROM own_after LEFT OUTER JOIN own_before ON
own_before.path_id = own_after.path_id WHERE own_before.id IS NULL;

-- name: files.directories
SELECT directory.id, ancestor.path || directory.below AS path FROM directory JOIN ancestor ON
ancestor.id = directory.ancestor_id WHERE (ancestor.path || directory.below) = ANY
(CAST(%(paths)s AS TEXT[])) ORDER BY directory.id;

-- name: files.entries
SELECT entry.id, ancestor.path || directory.below AS directory, path.name, raw_path.raw,
attributes.kind, attributes.bits, attributes.uid, attributes.gid, entry.size, entry.modified,
target.target, target.raw AS raw_target, entry.sha256 FROM entry JOIN path ON path.id =
entry.path_id JOIN directory ON directory.id = (entry.path_id >> 6) JOIN ancestor ON
ancestor.id = directory.ancestor_id JOIN attributes ON attributes.id = entry.attributes_id LEFT
OUTER JOIN raw_path ON raw_path.path_id = entry.path_id LEFT OUTER JOIN target ON
target.entry_id = entry.id WHERE entry.id >= %(low)s::BIGINT AND entry.id < %(high)s::BIGINT
ORDER BY entry.id;

-- name: files.image
SELECT image.id, image.digest FROM image WHERE image.digest = %(digest)s::VARCHAR;

-- name: files.images
SELECT image.digest FROM image ORDER BY image.id;

-- name: files.images_of_layer
SELECT image.id FROM image WHERE image.digest IN (SELECT blob.digest FROM blob JOIN link ON
link.parent_id = blob.id AND link.role = 3::INTEGER JOIN blob AS of_image ON of_image.id =
link.child_id WHERE of_image.digest = %(digest)s::VARCHAR);

-- name: files.last_ancestor
SELECT max(ancestor.id) AS max_1 FROM ancestor;

-- name: files.last_directory
SELECT max(directory.id) AS max_1 FROM directory;

-- name: files.last_placed
SELECT min(entry.id) AS min_1 FROM entry;

-- name: files.layer
SELECT layer.id, layer.digest, layer.entries, layer.problem FROM layer WHERE layer.digest =
%(digest)s::VARCHAR;

-- name: files.layers
SELECT layer.id, layer.digest, layer.entries, layer.problem FROM layer ORDER BY layer.id;

-- name: files.linked
SELECT linked.entry_id, linked.origin_id FROM linked WHERE linked.image_id = %(image)s::BIGINT
AND linked.entry_id = ANY (CAST(%(ids)s AS BIGINT[])) ORDER BY linked.entry_id;

-- name: files.paths
SELECT path.id, path.name, raw_path.raw FROM (SELECT anon_1.value AS value FROM (SELECT
unnest((SELECT CAST(%(ids)s AS BIGINT[]))) AS value) AS anon_1) AS wanted JOIN path ON path.id
>= (wanted.value << 6) AND path.id < (wanted.value + 1::BIGINT << 6) LEFT OUTER JOIN raw_path
ON raw_path.path_id = path.id ORDER BY path.id;

-- name: files.placed
SELECT entry.id, entry.path_id, placed.stored_id FROM entry LEFT OUTER JOIN placed ON
placed.entry_id = entry.id WHERE entry.path_id = ANY (CAST(%(ids)s AS BIGINT[])) AND entry.id <
0::BIGINT ORDER BY entry.id;

-- name: files.some_entries
SELECT entry.id, ancestor.path || directory.below AS directory, path.name, raw_path.raw,
attributes.kind, attributes.bits, attributes.uid, attributes.gid, entry.size, entry.modified,
target.target, target.raw AS raw_target, entry.sha256 FROM entry JOIN path ON path.id =
entry.path_id JOIN directory ON directory.id = (entry.path_id >> 6) JOIN ancestor ON
ancestor.id = directory.ancestor_id JOIN attributes ON attributes.id = entry.attributes_id LEFT
OUTER JOIN raw_path ON raw_path.path_id = entry.path_id LEFT OUTER JOIN target ON
target.entry_id = entry.id WHERE entry.id = ANY (CAST(%(ids)s AS BIGINT[])) ORDER BY entry.id;

-- name: files.some_xattrs
SELECT xattr.entry_id, xattr.key, xattr.value FROM xattr WHERE xattr.entry_id = ANY
(CAST(%(ids)s AS BIGINT[])) ORDER BY xattr.entry_id, xattr.key;

-- name: files.stored
SELECT entry.id, entry.path_id, placed.stored_id FROM entry LEFT OUTER JOIN placed ON
placed.entry_id = entry.id WHERE entry.id = ANY (CAST(%(ids)s AS BIGINT[])) ORDER BY entry.id;

-- name: files.xattrs
SELECT xattr.entry_id, xattr.key, xattr.value FROM xattr WHERE xattr.entry_id >=
%(low)s::BIGINT AND xattr.entry_id < %(high)s::BIGINT ORDER BY xattr.entry_id, xattr.key;

-- name: garbage.artifacts
SELECT link.parent_id AS artifact_id, link.child_id AS subject_id FROM link WHERE link.role =
4::INTEGER;

-- name: garbage.created
SELECT config.blob_id, config.created FROM config WHERE config.created IS NOT NULL;

-- name: garbage.documents
SELECT blob.digest, blob.size, blob.touched FROM blob WHERE blob.kind IN (1::INTEGER,
2::INTEGER, 5::INTEGER) AND blob.state IN (1::INTEGER, 2::INTEGER);

-- name: garbage.exclusive
WITH RECURSIVE released_alone_refs AS MATERIALIZED (SELECT anon_1.value AS value FROM (SELECT
unnest((SELECT CAST(%(refs)s AS BIGINT[]))) AS value) AS anon_1), released_alone_content_seed
AS (SELECT ref.target_id AS id FROM ref WHERE ref.id IN (SELECT released_alone_refs.value FROM
released_alone_refs)), released_alone_content(id) AS (SELECT released_alone_content_seed.id AS
id FROM released_alone_content_seed UNION SELECT edge.child_id AS child_id FROM
released_alone_content JOIN edge ON edge.parent_id = released_alone_content.id),
released_alone_sharing(id) AS (SELECT released_alone_content.id AS id FROM
released_alone_content UNION SELECT edge.parent_id AS parent_id FROM released_alone_sharing
JOIN edge ON edge.child_id = released_alone_sharing.id), released_alone_others_seed AS (SELECT
ref.target_id AS id FROM ref WHERE ref.target_id IN (SELECT released_alone_sharing.id FROM
released_alone_sharing) AND NOT (EXISTS (SELECT 1 FROM released_alone_refs WHERE ref.id =
released_alone_refs.value))), released_alone_others(id) AS (SELECT
released_alone_others_seed.id AS id FROM released_alone_others_seed UNION SELECT edge.child_id
AS child_id FROM released_alone_others JOIN edge ON edge.parent_id = released_alone_others.id),
released_alone AS (SELECT released_alone_content.id AS id FROM released_alone_content WHERE NOT
(EXISTS (SELECT 1 FROM released_alone_others WHERE released_alone_others.id =
released_alone_content.id))), released_subjects_and_theirs_seed AS (SELECT link.child_id AS id
FROM link WHERE link.role = 4::INTEGER AND link.child_id IN (SELECT released_alone.id FROM
released_alone) AND NOT (EXISTS (SELECT 1 FROM released_alone WHERE released_alone.id =
link.parent_id))), released_subjects_and_theirs(id) AS (SELECT
released_subjects_and_theirs_seed.id AS id FROM released_subjects_and_theirs_seed UNION SELECT
link.child_id AS child_id FROM released_subjects_and_theirs JOIN link ON link.parent_id =
released_subjects_and_theirs.id), released_subjects(id) AS (SELECT
released_subjects_and_theirs.id AS id FROM released_subjects_and_theirs UNION SELECT
edge.child_id AS child_id FROM released_subjects JOIN edge ON edge.parent_id =
released_subjects.id), released AS (SELECT released_alone.id AS id FROM released_alone WHERE
NOT (EXISTS (SELECT 1 FROM released_subjects WHERE released_subjects.id = released_alone.id)))
SELECT blob.digest FROM blob WHERE blob.id IN (SELECT released.id FROM released);

-- name: garbage.kept
WITH RECURSIVE keeping AS (SELECT ref.id AS id FROM ref), targets AS (SELECT DISTINCT
ref.target_id AS target_id FROM ref WHERE ref.id IN (SELECT keeping.id FROM keeping)),
content(root, id) AS (SELECT targets.target_id AS root, targets.target_id AS id FROM targets
UNION SELECT content.root AS root, edge.child_id AS child_id FROM content JOIN edge ON
edge.parent_id = content.id) SELECT blob.digest, blob.size, blob.kind, ref.name FROM blob JOIN
(SELECT content.id AS id, min(ref.position) AS position FROM content JOIN ref ON ref.target_id
= content.root WHERE ref.id IN (SELECT keeping.id FROM keeping) GROUP BY content.id) AS first
ON first.id = blob.id JOIN ref ON ref.position = first.position WHERE blob.state IN
(1::INTEGER, 2::INTEGER) ORDER BY blob.digest;

-- name: garbage.kept_besides
WITH RECURSIVE chosen AS MATERIALIZED (SELECT anon_1.value AS value FROM (SELECT unnest((SELECT
CAST(%(refs)s AS BIGINT[]))) AS value) AS anon_1), chosen_content_seed AS (SELECT ref.target_id
AS id FROM ref WHERE ref.id IN (SELECT chosen.value FROM chosen)), chosen_content(id) AS
(SELECT chosen_content_seed.id AS id FROM chosen_content_seed UNION SELECT edge.child_id AS
child_id FROM chosen_content JOIN edge ON edge.parent_id = chosen_content.id), sharing(id) AS
(SELECT chosen_content.id AS id FROM chosen_content UNION SELECT edge.parent_id AS parent_id
FROM sharing JOIN edge ON edge.child_id = sharing.id), keeping AS (SELECT ref.id AS id FROM ref
WHERE ref.target_id IN (SELECT sharing.id FROM sharing) AND NOT (EXISTS (SELECT 1 FROM chosen
WHERE ref.id = chosen.value))), targets AS (SELECT DISTINCT ref.target_id AS target_id FROM ref
WHERE ref.id IN (SELECT keeping.id FROM keeping)), content(root, id) AS (SELECT
targets.target_id AS root, targets.target_id AS id FROM targets UNION SELECT content.root AS
root, edge.child_id AS child_id FROM content JOIN edge ON edge.parent_id = content.id) SELECT
blob.digest, blob.size, blob.kind, ref.name FROM blob JOIN (SELECT content.id AS id,
min(ref.position) AS position FROM content JOIN ref ON ref.target_id = content.root WHERE
ref.id IN (SELECT keeping.id FROM keeping) GROUP BY content.id) AS first ON first.id = blob.id
JOIN ref ON ref.position = first.position WHERE blob.state IN (1::INTEGER, 2::INTEGER) AND
blob.id IN (SELECT chosen_content.id FROM chosen_content) ORDER BY blob.digest;

-- name: garbage.leased
WITH RECURSIVE leased_seed AS (SELECT blob.id AS id FROM blob WHERE blob.digest = ANY
(CAST(%(digests)s AS TEXT[]))), leased(id) AS (SELECT leased_seed.id AS id FROM leased_seed
UNION SELECT edge.child_id AS child_id FROM leased JOIN edge ON edge.parent_id = leased.id)
SELECT blob.id, blob.digest FROM blob WHERE blob.id IN (SELECT leased.id FROM leased);

-- name: garbage.reachable
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref WHERE ref.id != ALL
(CAST(%(without)s AS BIGINT[]))), live(id) AS (SELECT live_seed.id AS id FROM live_seed UNION
SELECT edge.child_id AS child_id FROM live JOIN edge ON edge.parent_id = live.id) SELECT
blob.digest FROM blob WHERE blob.id IN (SELECT live.id FROM live);

-- name: garbage.retained
SELECT ref.id, ref.registry, ref.repo, ref.tag, ref.added, ref.pulled, ref.used FROM ref ORDER
BY ref.position;

-- name: garbage.unreachable
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref WHERE ref.id != ALL
(CAST(%(without)s AS BIGINT[]))), live(id) AS (SELECT live_seed.id AS id FROM live_seed UNION
SELECT edge.child_id AS child_id FROM live JOIN edge ON edge.parent_id = live.id) SELECT
blob.id, blob.digest, blob.size, blob.kind, blob.touched FROM blob WHERE blob.state IN
(1::INTEGER, 2::INTEGER) AND NOT (EXISTS (SELECT 1 FROM live WHERE live.id = blob.id)) ORDER BY
blob.digest;

-- name: garbage.unreadable
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref WHERE ref.id != ALL
(CAST(%(without)s AS BIGINT[]))), live(id) AS (SELECT live_seed.id AS id FROM live_seed UNION
SELECT edge.child_id AS child_id FROM live JOIN edge ON edge.parent_id = live.id) SELECT
blob.digest, blob.problem, blob.state FROM blob WHERE (blob.state = 2::INTEGER AND blob.kind IN
(1::INTEGER, 2::INTEGER, 5::INTEGER) OR blob.problem IS NOT NULL AND blob.kind = 0::INTEGER OR
blob.state = 0::INTEGER AND (EXISTS (SELECT ref.id FROM ref WHERE ref.target_id = blob.id AND
ref.id != ALL (CAST(%(without)s AS BIGINT[]))))) AND (EXISTS (SELECT 1 FROM live WHERE live.id
= blob.id)) ORDER BY blob.id;

-- name: leases.all
SELECT lease.id, lease.host, lease.expires FROM lease;

-- name: leases.delete
DELETE FROM lease WHERE lease.id = ANY (CAST(%(lease_ids)s AS TEXT[]));

-- name: leases.delete_items
DELETE FROM lease_item WHERE lease_item.lease_id = ANY (CAST(%(lease_ids)s AS TEXT[]));

-- name: leases.held
SELECT lease.id, lease.host, lease.expires, lease_item.digest FROM lease JOIN lease_item ON
lease_item.lease_id = lease.id;

-- name: leases.insert
INSERT INTO lease (id, host, pid, created, expires) VALUES (%s::VARCHAR, %s::VARCHAR,
%s::INTEGER, %s::BIGINT, %s::BIGINT);

-- name: leases.insert_items
INSERT INTO lease_item (lease_id, digest) VALUES (%s::VARCHAR, %s::VARCHAR);

-- name: leases.items
SELECT lease_item.digest FROM lease_item WHERE lease_item.lease_id = %(lease_id)s::VARCHAR;

-- name: leases.of_host
SELECT lease.id FROM lease WHERE lease.host = %(host)s::VARCHAR;

-- name: links.children
SELECT link.parent_id, link.child_id, link.role, link.platform_id FROM link WHERE
link.parent_id = ANY (CAST(%(parents)s AS BIGINT[])) AND link.role != 4::INTEGER ORDER BY
link.parent_id, link.role, link.position;

-- name: links.claimed_by_others
SELECT DISTINCT link.child_id FROM link WHERE link.child_id = ANY (CAST(%(ids)s AS BIGINT[]))
AND link.parent_id != ALL (CAST(%(ids)s AS BIGINT[]));

-- name: links.claimed_by_refs
SELECT DISTINCT ref.target_id FROM ref WHERE ref.target_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: links.claims
SELECT link.media_type, link.size FROM link WHERE link.child_id = %(blob_id)s::BIGINT;

-- name: links.content
SELECT link.parent_id, link.child_id, link.role, link.media_type FROM link WHERE link.parent_id
= ANY (CAST(%(ids)s AS BIGINT[])) AND link.role IN (2::INTEGER, 3::INTEGER);

-- name: links.delete
DELETE FROM link WHERE link.parent_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: links.delete_annotations
DELETE FROM link_annotation WHERE link_annotation.link_id IN (SELECT link.id FROM link WHERE
link.parent_id = ANY (CAST(%(ids)s AS BIGINT[])));

-- name: links.delete_edge
DELETE FROM edge WHERE edge.parent_id = %(parent)s::BIGINT AND edge.child_id =
%(child)s::BIGINT;

-- name: links.delete_edges_from
DELETE FROM edge WHERE edge.parent_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: links.delete_edges_to
DELETE FROM edge WHERE edge.child_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: links.edges
SELECT edge.parent_id, edge.child_id FROM edge WHERE edge.parent_id = ANY (CAST(%(parents)s AS
BIGINT[])) ORDER BY edge.parent_id, edge.child_id;

-- name: links.edges_above
WITH RECURSIVE above_seed AS (SELECT blob.id AS id FROM blob WHERE blob.id =
%(blob_id)s::BIGINT), above(id) AS (SELECT above_seed.id AS id FROM above_seed UNION SELECT
edge.parent_id AS parent_id FROM above JOIN edge ON edge.child_id = above.id) SELECT
edge.parent_id, edge.child_id FROM edge WHERE edge.child_id IN (SELECT above.id FROM above)
ORDER BY edge.parent_id;

-- name: links.edges_from
SELECT edge.parent_id, edge.child_id FROM edge WHERE edge.parent_id = ANY (CAST(%(ids)s AS
BIGINT[]));

-- name: links.insert
INSERT INTO link (id, parent_id, child_id, role, position, media_type, size, platform_id,
artifact_type, embedded) VALUES (%s::BIGINT, %s::BIGINT, %s::BIGINT, %s::INTEGER, %s::INTEGER,
%s::VARCHAR, %s::BIGINT, %s::BIGINT, %s::VARCHAR, %s::INTEGER);

-- name: links.insert_annotations
INSERT INTO link_annotation (link_id, key, value) VALUES (%s::BIGINT, %s::VARCHAR, %s::VARCHAR);

-- name: links.insert_edges
INSERT INTO edge (parent_id, child_id) VALUES (%s::BIGINT, %s::BIGINT);

-- name: links.layer_claims
SELECT DISTINCT link.child_id, link.media_type, link.size, link.embedded FROM link WHERE
link.child_id = ANY (CAST(%(ids)s AS BIGINT[])) AND link.role = 3::INTEGER;

-- name: links.manifests
SELECT DISTINCT link.parent_id, link.child_id FROM link WHERE link.parent_id = ANY
(CAST(%(ids)s AS BIGINT[])) AND link.role = 1::INTEGER;

-- name: links.next_id
SELECT coalesce(max(link.id), 0::INTEGER) + 1::BIGINT AS next_id FROM link;

-- name: links.of_parents
SELECT link.parent_id, link.child_id, link.role FROM link WHERE link.parent_id = ANY
(CAST(%(ids)s AS BIGINT[]));

-- name: links.other_claims
SELECT link.child_id, link.parent_id, link.role, link.media_type, link.size, link.platform_id,
link.embedded, EXISTS (SELECT 1 FROM link_annotation WHERE link_annotation.link_id = link.id
AND link_annotation.key = 'vnd.docker.reference.type'::VARCHAR AND link_annotation.value =
'attestation-manifest'::VARCHAR) AS is_attestation FROM link WHERE link.child_id = ANY
(CAST(%(ids)s AS BIGINT[])) AND link.role != 3::INTEGER;

-- name: links.owners
SELECT DISTINCT edge.parent_id FROM edge WHERE edge.parent_id = ANY (CAST(%(parents)s AS
BIGINT[]));

-- name: links.reached_by
SELECT DISTINCT link.child_id FROM link WHERE link.parent_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: links.referrers
SELECT about.digest AS subject, blob.digest, blob.media_type, blob.size FROM blob JOIN link ON
link.parent_id = blob.id JOIN blob AS about ON about.id = link.child_id WHERE link.child_id IN
(SELECT named.id FROM blob AS named WHERE named.digest = ANY (CAST(%(digests)s AS TEXT[]))) AND
link.role = 4::INTEGER AND blob.state = 1::INTEGER ORDER BY blob.digest;

-- name: package_rows.copy
INSERT INTO blob_package (blob_id, package_id, document_id) SELECT CAST(%(target_id)s AS
BIGINT) AS anon_1, blob_package.package_id, blob_package.document_id FROM blob_package WHERE
blob_package.document_id = %(document_id)s::BIGINT AND blob_package.blob_id =
%(source_id)s::BIGINT;

-- name: package_rows.counts
SELECT blob_package.blob_id, count(*) AS packages FROM blob_package WHERE
blob_package.document_id = %(document_id)s::BIGINT GROUP BY blob_package.blob_id;

-- name: package_rows.delete_by
DELETE FROM blob_package WHERE blob_package.document_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: package_rows.delete_by_in
DELETE FROM blob_package WHERE blob_package.document_id = %(document_id)s::BIGINT AND
blob_package.blob_id = %(target_id)s::BIGINT;

-- name: package_rows.delete_in
DELETE FROM blob_package WHERE blob_package.blob_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: package_rows.delete_unnamed
DELETE FROM package WHERE package.id = ANY (CAST(%(ids)s AS BIGINT[])) AND NOT (EXISTS (SELECT
1 FROM blob_package WHERE blob_package.package_id = package.id));

-- name: package_rows.enter
INSERT INTO blob_package (blob_id, package_id, document_id) VALUES (%s::BIGINT, %s::BIGINT,
%s::BIGINT);

-- name: package_rows.enter_missing
INSERT INTO blob_package (blob_id, package_id, document_id) SELECT CAST(%(target_id)s AS
BIGINT) AS anon_1, package.id, CAST(%(document_id)s AS BIGINT) AS anon_2 FROM package WHERE
package.id = ANY (CAST(%(ids)s AS BIGINT[])) AND NOT (EXISTS (SELECT 1 FROM blob_package AS
here WHERE here.blob_id = %(target_id)s::BIGINT AND here.package_id = package.id AND
here.document_id = %(document_id)s::BIGINT));

-- name: package_rows.entered
SELECT DISTINCT blob_package.document_id, blob_package.blob_id FROM blob_package WHERE
blob_package.document_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: package_rows.insert
INSERT INTO package (id, name, version, scheme, vkey, purl, license, type) VALUES (%s::BIGINT,
%s::VARCHAR, %s::VARCHAR, %s::VARCHAR, %s::VARCHAR, %s::VARCHAR, %s::VARCHAR, %s::VARCHAR);

-- name: package_rows.look_up
SELECT wanted.key, package.id FROM (SELECT CAST(anon_1.value ->> 0 AS INTEGER) AS key,
CAST(anon_1.value ->> 1 AS TEXT) AS name, CAST(anon_1.value ->> 2 AS TEXT) AS version,
CAST(anon_1.value ->> 3 AS TEXT) AS scheme, CAST(anon_1.value ->> 4 AS TEXT) AS purl,
CAST(anon_1.value ->> 5 AS TEXT) AS license, CAST(anon_1.value ->> 6 AS TEXT) AS type FROM
json_array_elements(CAST(%(packages)s AS JSON)) AS anon_1) AS wanted JOIN package ON
package.name = wanted.name AND package.version = wanted.version AND package.scheme =
wanted.scheme AND package.purl = wanted.purl AND package.license = wanted.license AND
package.type = wanted.type;

-- name: package_rows.named_by
SELECT DISTINCT blob_package.package_id FROM blob_package WHERE blob_package.document_id = ANY
(CAST(%(ids)s AS BIGINT[]));

-- name: package_rows.named_by_in
SELECT DISTINCT blob_package.package_id FROM blob_package WHERE blob_package.document_id =
%(document_id)s::BIGINT AND blob_package.blob_id = %(target_id)s::BIGINT;

-- name: package_rows.named_in
SELECT DISTINCT blob_package.package_id FROM blob_package WHERE blob_package.blob_id = ANY
(CAST(%(ids)s AS BIGINT[]));

-- name: package_rows.next_id
SELECT coalesce(max(package.id), 0::INTEGER) + 1::BIGINT AS next_id FROM package;

-- name: refs.all
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR ORDER
BY ref.position;

-- name: refs.by_name
SELECT ref.id, ref.name FROM ref JOIN blob ON blob.id = ref.target_id ORDER BY ref.name IS
NULL, ref.name, blob.digest, ref.position;

-- name: refs.claims
SELECT ref.media_type, ref.size FROM ref WHERE ref.target_id = %(blob_id)s::BIGINT;

-- name: refs.containing
WITH RECURSIVE above_seed AS (SELECT blob.id AS id FROM blob WHERE blob.id =
%(blob_id)s::BIGINT), above(id) AS (SELECT above_seed.id AS id FROM above_seed UNION SELECT
edge.parent_id AS parent_id FROM above JOIN edge ON edge.child_id = above.id) SELECT ref.id,
ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind, ref.pinned,
ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id, blob.platform_id
AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN ref_annotation
ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE ref.target_id
IN (SELECT above.id FROM above) ORDER BY ref.position;

-- name: refs.containing_digest
WITH RECURSIVE above_seed AS (SELECT blob.id AS id FROM blob WHERE blob.digest =
%(digest)s::VARCHAR), above(id) AS (SELECT above_seed.id AS id FROM above_seed UNION SELECT
edge.parent_id AS parent_id FROM above JOIN edge ON edge.child_id = above.id) SELECT ref.id,
ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind, ref.pinned,
ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id, blob.platform_id
AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN ref_annotation
ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE ref.target_id
IN (SELECT above.id FROM above) ORDER BY ref.position;

-- name: refs.digests
SELECT ref.id, blob.digest FROM ref JOIN blob ON blob.id = ref.target_id ORDER BY ref.name IS
NULL, ref.name, blob.digest, ref.position;

-- name: refs.names
SELECT ref.name FROM ref WHERE ref.name IS NOT NULL;

-- name: refs.of_digests
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
blob.digest BETWEEN %(low)s::VARCHAR AND %(high)s::VARCHAR ORDER BY ref.position;

-- name: refs.of_ids
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.id = ANY (CAST(%(ids)s AS BIGINT[])) ORDER BY ref.position;

-- name: refs.of_names
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.name = ANY (CAST(%(names)s AS TEXT[])) ORDER BY ref.position;

-- name: refs.of_shared_names
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.name IN (SELECT other.name FROM ref AS other WHERE other.name IS NOT NULL GROUP BY
other.name HAVING count(*) > 1::INTEGER) ORDER BY ref.position;

-- name: refs.of_tag
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.registry = %(registry)s::VARCHAR AND ref.repo = %(repo)s::VARCHAR AND ref.tag IS NOT
DISTINCT FROM %(tag)s::VARCHAR ORDER BY ref.position;

-- name: refs.partial
WITH RECURSIVE partial_seed AS (SELECT blob.id AS id FROM blob WHERE blob.state != 1::INTEGER
AND blob.state IN (3::INTEGER)), partial(id) AS (SELECT partial_seed.id AS id FROM partial_seed
UNION SELECT edge.parent_id AS parent_id FROM partial JOIN edge ON edge.child_id = partial.id)
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.target_id IN (SELECT partial.id FROM partial) ORDER BY ref.position;

-- name: refs.pinned
SELECT ref.id FROM ref WHERE ref.pinned = 1::INTEGER OR ref.name IN (SELECT other.name FROM ref
AS other WHERE other.pinned = 1::INTEGER AND other.name IS NOT NULL) OR ref.name IS NULL AND
ref.target_id IN (SELECT other.target_id FROM ref AS other WHERE other.pinned = 1::INTEGER AND
other.name IS NULL);

-- name: refs.record_source
UPDATE ref SET source=%(source)s::VARCHAR, origin=%(origin)s::VARCHAR,
pulled=%(pulled)s::BIGINT WHERE ref.name = %(name)s::VARCHAR;

-- name: refs.sources
WITH RECURSIVE above_seed AS (SELECT blob.id AS id FROM blob WHERE blob.id =
%(blob_id)s::BIGINT), above(id) AS (SELECT above_seed.id AS id FROM above_seed UNION SELECT
edge.parent_id AS parent_id FROM above JOIN edge ON edge.child_id = above.id) SELECT
ref.registry, ref.repo, ref.source, ref.origin FROM ref WHERE ref.target_id IN (SELECT above.id
FROM above) ORDER BY ref.position;

-- name: refs.tagged
SELECT ref.name, ref.registry, ref.repo, ref.tag, blob.digest, ref.media_type, ref.size FROM
ref JOIN blob ON blob.id = ref.target_id WHERE ref.id IN (SELECT tags.id FROM ref AS tags WHERE
tags.tag = ANY (CAST(%(tags)s AS TEXT[]))) ORDER BY ref.name, blob.digest;

-- name: refs.tagged_after
WITH RECURSIVE alone_refs AS MATERIALIZED (SELECT anon_1.value AS value FROM (SELECT
unnest((SELECT CAST(%(ids)s AS BIGINT[]))) AS value) AS anon_1), alone_content_seed AS (SELECT
ref.target_id AS id FROM ref WHERE ref.id IN (SELECT alone_refs.value FROM alone_refs)),
alone_content(id) AS (SELECT alone_content_seed.id AS id FROM alone_content_seed UNION SELECT
edge.child_id AS child_id FROM alone_content JOIN edge ON edge.parent_id = alone_content.id),
alone_sharing(id) AS (SELECT alone_content.id AS id FROM alone_content UNION SELECT
edge.parent_id AS parent_id FROM alone_sharing JOIN edge ON edge.child_id = alone_sharing.id),
alone_others_seed AS (SELECT ref.target_id AS id FROM ref WHERE ref.target_id IN (SELECT
alone_sharing.id FROM alone_sharing) AND NOT (EXISTS (SELECT 1 FROM alone_refs WHERE ref.id =
alone_refs.value))), alone_others(id) AS (SELECT alone_others_seed.id AS id FROM
alone_others_seed UNION SELECT edge.child_id AS child_id FROM alone_others JOIN edge ON
edge.parent_id = alone_others.id), alone AS (SELECT alone_content.id AS id FROM alone_content
WHERE NOT (EXISTS (SELECT 1 FROM alone_others WHERE alone_others.id = alone_content.id)))
SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest, blob.kind,
ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS declared_id,
blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.id IN (SELECT tagged.id FROM ref AS tagged JOIN blob AS about ON about.digest =
('sha256:'::VARCHAR || substr(tagged.tag, 8::INTEGER, 64::INTEGER)) WHERE substr(tagged.tag,
1::INTEGER, 7::INTEGER) = 'sha256-'::VARCHAR AND substr(tagged.tag, 72::INTEGER) IN
(''::VARCHAR, '.sig'::VARCHAR, '.att'::VARCHAR, '.sbom'::VARCHAR) AND about.id IN (SELECT
alone.id FROM alone)) AND ref.id != ALL (CAST(%(ids)s AS BIGINT[])) ORDER BY ref.position;

-- name: refs.unnamed_referrers
WITH RECURSIVE below_seed AS (SELECT ref.target_id AS target_id FROM ref WHERE ref.id = ANY
(CAST(%(ids)s AS BIGINT[]))), below(id) AS (SELECT below_seed.target_id AS id FROM below_seed
UNION SELECT edge.child_id AS child_id FROM below JOIN edge ON edge.parent_id = below.id)
SELECT ref.id, blob.id AS blob_id, blob.digest, about.digest AS subject FROM ref JOIN blob ON
blob.id = ref.target_id JOIN link ON link.parent_id = blob.id JOIN blob AS about ON about.id =
link.child_id WHERE ref.name IS NULL AND link.role = 4::INTEGER AND ref.target_id IN (SELECT
below.id FROM below) ORDER BY ref.position;

-- name: refs.unnamed_within
WITH RECURSIVE content_seed AS (SELECT ref.target_id AS target_id FROM ref WHERE ref.id = ANY
(CAST(%(ids)s AS BIGINT[]))), content(id) AS (SELECT content_seed.target_id AS id FROM
content_seed UNION SELECT edge.child_id AS child_id FROM content JOIN edge ON edge.parent_id =
content.id) SELECT ref.id, ref.name, ref.media_type, ref.size, blob.id AS blob_id, blob.digest,
blob.kind, ref.pinned, ref.entry, ref_annotation.value AS entry_kind, ref.platform_id AS
declared_id, blob.platform_id AS configured_id FROM ref JOIN blob ON blob.id = ref.target_id
LEFT OUTER JOIN ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key =
'kind'::VARCHAR WHERE ref.name IS NULL AND ref.id != ALL (CAST(%(ids)s AS BIGINT[])) AND
ref.target_id IN (SELECT content.id FROM content) ORDER BY ref.position;

-- name: reports.blobs
SELECT blob.id, blob.digest, blob.kind FROM blob WHERE blob.id = ANY (CAST(%(ids)s AS
BIGINT[]));

-- name: reports.created
SELECT link.parent_id AS id, config.created FROM link JOIN config ON config.blob_id =
link.child_id WHERE link.role = 2::INTEGER AND config.created IS NOT NULL;

-- name: reports.details
SELECT ref.id AS ref_id, ref.tag, blob.kind, ref.pinned, ref.source, ref.added, ref.pulled,
ref.used FROM ref JOIN blob ON blob.id = ref.target_id;

-- name: reports.faulty
SELECT blob.id FROM blob WHERE blob.problem IS NOT NULL UNION SELECT link.parent_id AS id FROM
link JOIN blob ON blob.id = link.child_id WHERE blob.state = 1::INTEGER AND blob.size !=
link.size UNION SELECT ref.target_id AS id FROM ref JOIN blob ON blob.id = ref.target_id WHERE
blob.state = 1::INTEGER AND blob.size != ref.size;

-- name: reports.layers
SELECT blob.id, blob.digest FROM blob WHERE blob.kind = 4::INTEGER AND blob.state IN
(1::INTEGER, 2::INTEGER) ORDER BY blob.id;

-- name: reports.media_types
SELECT blob.kind, blob.media_type, count(*) AS blobs, sum(blob.size) AS size FROM blob WHERE
blob.state IN (1::INTEGER, 2::INTEGER) GROUP BY blob.kind, blob.media_type ORDER BY
sum(blob.size) DESC, blob.media_type, blob.kind;

-- name: reports.mismatches
SELECT link.parent_id, link.platform_id AS declared_id, blob.platform_id AS configured_id FROM
link JOIN blob ON blob.id = link.child_id WHERE blob.kind = 2::INTEGER AND link.role =
1::INTEGER AND link.platform_id != blob.platform_id;

-- name: repositories.forget
DELETE FROM repository_blob WHERE repository_blob.repository = %(repository)s::VARCHAR AND
repository_blob.blob_id IN (SELECT blob.id FROM blob WHERE blob.digest = ANY (CAST(%(digests)s
AS TEXT[])));

-- name: repositories.forget_blobs
DELETE FROM repository_blob WHERE repository_blob.blob_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: repositories.in_registry
SELECT blob.digest, repository_blob.repository, repository_blob.seen FROM repository_blob JOIN
blob ON blob.id = repository_blob.blob_id WHERE blob.digest = ANY (CAST(%(digests)s AS TEXT[]))
AND repository_blob.repository >= %(low)s::VARCHAR AND repository_blob.repository <
%(high)s::VARCHAR ORDER BY repository_blob.seen, repository_blob.repository;

-- name: repositories.known_in
SELECT blob.digest FROM blob JOIN repository_blob ON repository_blob.blob_id = blob.id WHERE
blob.digest = ANY (CAST(%(digests)s AS TEXT[])) AND repository_blob.repository =
%(repository)s::VARCHAR;

-- name: repositories.record
INSERT INTO repository_blob (blob_id, repository, seen) SELECT blob.id, CAST(%(repository)s AS
TEXT) AS anon_1, CAST(%(now)s AS BIGINT) AS anon_2 FROM blob WHERE blob.digest = ANY
(CAST(%(digests)s AS TEXT[]));

-- name: sbom_rows.all_ids
SELECT sbom.document_id AS id FROM sbom UNION SELECT link.child_id AS id FROM link WHERE
link.role = 3::INTEGER AND ((EXISTS (SELECT subject.id FROM link AS subject WHERE
subject.parent_id = link.parent_id AND subject.role = 4::INTEGER)) OR (EXISTS (SELECT
listed_attestation.id FROM link AS listed_attestation JOIN link_annotation AS kind_of_entry ON
kind_of_entry.link_id = listed_attestation.id WHERE listed_attestation.child_id =
link.parent_id AND listed_attestation.role = 1::INTEGER AND kind_of_entry.key =
'vnd.docker.reference.type'::VARCHAR AND kind_of_entry.value =
'attestation-manifest'::VARCHAR)) OR (EXISTS (SELECT ref.id FROM ref LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.target_id = link.parent_id AND (substr(ref.tag, length(ref.tag) - 3::INTEGER) =
'.att'::VARCHAR OR substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR OR
ref_annotation.value = 'atts'::VARCHAR OR substr(ref_annotation.value,
length(ref_annotation.value) - 4::INTEGER) = '/atts'::VARCHAR OR ref_annotation.value =
'sboms'::VARCHAR OR substr(ref_annotation.value, length(ref_annotation.value) - 5::INTEGER) =
'/sboms'::VARCHAR))));

-- name: sbom_rows.called_so
SELECT sbom.document_id AS id FROM sbom WHERE sbom.document_id = ANY (CAST(%(ids)s AS
BIGINT[])) UNION SELECT link.child_id AS id FROM link WHERE link.child_id = ANY (CAST(%(ids)s
AS BIGINT[])) AND link.role = 3::INTEGER AND ((EXISTS (SELECT subject.id FROM link AS subject
WHERE subject.parent_id = link.parent_id AND subject.role = 4::INTEGER)) OR (EXISTS (SELECT
listed_attestation.id FROM link AS listed_attestation JOIN link_annotation AS kind_of_entry ON
kind_of_entry.link_id = listed_attestation.id WHERE listed_attestation.child_id =
link.parent_id AND listed_attestation.role = 1::INTEGER AND kind_of_entry.key =
'vnd.docker.reference.type'::VARCHAR AND kind_of_entry.value =
'attestation-manifest'::VARCHAR)) OR (EXISTS (SELECT ref.id FROM ref LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.target_id = link.parent_id AND (substr(ref.tag, length(ref.tag) - 3::INTEGER) =
'.att'::VARCHAR OR substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR OR
ref_annotation.value = 'atts'::VARCHAR OR substr(ref_annotation.value,
length(ref_annotation.value) - 4::INTEGER) = '/atts'::VARCHAR OR ref_annotation.value =
'sboms'::VARCHAR OR substr(ref_annotation.value, length(ref_annotation.value) - 5::INTEGER) =
'/sboms'::VARCHAR))));

-- name: sbom_rows.claims_of
SELECT link.parent_id, link.child_id, blob.digest, link.media_type AS layer_type,
coalesce(parent.artifact_type, ''::VARCHAR) AS artifact_type, coalesce((SELECT
min(config.media_type) AS min_1 FROM link AS config WHERE config.parent_id = link.parent_id AND
config.role = 2::INTEGER), ''::VARCHAR) AS config_type, coalesce((SELECT
min(link_annotation.value) AS min_2 FROM link_annotation WHERE link_annotation.link_id =
link.id AND link_annotation.key IN ('in-toto.io/predicate-type'::VARCHAR,
'predicateType'::VARCHAR, 'dev.sigstore.bundle.predicateType'::VARCHAR)), (SELECT
min(annotation.value) AS min_3 FROM annotation WHERE annotation.blob_id = link.parent_id AND
annotation.key IN ('in-toto.io/predicate-type'::VARCHAR, 'predicateType'::VARCHAR,
'dev.sigstore.bundle.predicateType'::VARCHAR)), ''::VARCHAR) AS predicate_type FROM link JOIN
blob ON blob.id = link.child_id JOIN blob AS parent ON parent.id = link.parent_id WHERE
link.parent_id = ANY (CAST(%(ids)s AS BIGINT[])) AND blob.touched IS NOT NULL AND link.role =
3::INTEGER AND ((EXISTS (SELECT subject.id FROM link AS subject WHERE subject.parent_id =
link.parent_id AND subject.role = 4::INTEGER)) OR (EXISTS (SELECT listed_attestation.id FROM
link AS listed_attestation JOIN link_annotation AS kind_of_entry ON kind_of_entry.link_id =
listed_attestation.id WHERE listed_attestation.child_id = link.parent_id AND
listed_attestation.role = 1::INTEGER AND kind_of_entry.key =
'vnd.docker.reference.type'::VARCHAR AND kind_of_entry.value =
'attestation-manifest'::VARCHAR)) OR (EXISTS (SELECT ref.id FROM ref LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.target_id = link.parent_id AND (substr(ref.tag, length(ref.tag) - 3::INTEGER) =
'.att'::VARCHAR OR substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR OR
ref_annotation.value = 'atts'::VARCHAR OR substr(ref_annotation.value,
length(ref_annotation.value) - 4::INTEGER) = '/atts'::VARCHAR OR ref_annotation.value =
'sboms'::VARCHAR OR substr(ref_annotation.value, length(ref_annotation.value) - 5::INTEGER) =
'/sboms'::VARCHAR)))) ORDER BY link.parent_id, link.position;

-- name: sbom_rows.claims_to
SELECT link.parent_id, link.child_id, blob.digest, link.media_type AS layer_type,
coalesce(parent.artifact_type, ''::VARCHAR) AS artifact_type, coalesce((SELECT
min(config.media_type) AS min_1 FROM link AS config WHERE config.parent_id = link.parent_id AND
config.role = 2::INTEGER), ''::VARCHAR) AS config_type, coalesce((SELECT
min(link_annotation.value) AS min_2 FROM link_annotation WHERE link_annotation.link_id =
link.id AND link_annotation.key IN ('in-toto.io/predicate-type'::VARCHAR,
'predicateType'::VARCHAR, 'dev.sigstore.bundle.predicateType'::VARCHAR)), (SELECT
min(annotation.value) AS min_3 FROM annotation WHERE annotation.blob_id = link.parent_id AND
annotation.key IN ('in-toto.io/predicate-type'::VARCHAR, 'predicateType'::VARCHAR,
'dev.sigstore.bundle.predicateType'::VARCHAR)), ''::VARCHAR) AS predicate_type FROM link JOIN
blob ON blob.id = link.child_id JOIN blob AS parent ON parent.id = link.parent_id WHERE
link.child_id = ANY (CAST(%(ids)s AS BIGINT[])) AND blob.touched IS NOT NULL AND link.role =
3::INTEGER AND ((EXISTS (SELECT subject.id FROM link AS subject WHERE subject.parent_id =
link.parent_id AND subject.role = 4::INTEGER)) OR (EXISTS (SELECT listed_attestation.id FROM
link AS listed_attestation JOIN link_annotation AS kind_of_entry ON kind_of_entry.link_id =
listed_attestation.id WHERE listed_attestation.child_id = link.parent_id AND
listed_attestation.role = 1::INTEGER AND kind_of_entry.key =
'vnd.docker.reference.type'::VARCHAR AND kind_of_entry.value =
'attestation-manifest'::VARCHAR)) OR (EXISTS (SELECT ref.id FROM ref LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.target_id = link.parent_id AND (substr(ref.tag, length(ref.tag) - 3::INTEGER) =
'.att'::VARCHAR OR substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR OR
ref_annotation.value = 'atts'::VARCHAR OR substr(ref_annotation.value,
length(ref_annotation.value) - 4::INTEGER) = '/atts'::VARCHAR OR ref_annotation.value =
'sboms'::VARCHAR OR substr(ref_annotation.value, length(ref_annotation.value) - 5::INTEGER) =
'/sboms'::VARCHAR)))) ORDER BY link.parent_id, link.position;

-- name: sbom_rows.delete
DELETE FROM sbom WHERE sbom.document_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: sbom_rows.described_by
WITH attached AS (SELECT ref.target_id AS manifest_id, blob.id AS target_id FROM ref JOIN blob
ON blob.digest = replace(substr(ref.tag, 1::INTEGER, length(ref.tag) - CASE WHEN
(substr(ref.tag, length(ref.tag) - 3::INTEGER) = '.att'::VARCHAR) THEN 4::INTEGER WHEN
(substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR) THEN 5::INTEGER ELSE
0::INTEGER END), '-'::VARCHAR, ':'::VARCHAR) WHERE (substr(ref.tag, length(ref.tag) -
3::INTEGER) = '.att'::VARCHAR OR substr(ref.tag, length(ref.tag) - 4::INTEGER) =
'.sbom'::VARCHAR) AND ref.target_id = ANY (CAST(%(ids)s AS BIGINT[])) UNION ALL SELECT
ref.target_id AS manifest_id, image.target_id AS target_id FROM ref JOIN ref_annotation AS kind
ON kind.ref_id = ref.id AND kind.key = 'kind'::VARCHAR JOIN ref AS image ON image.name =
ref.name WHERE (kind.value = 'atts'::VARCHAR OR substr(kind.value, length(kind.value) -
4::INTEGER) = '/atts'::VARCHAR OR kind.value = 'sboms'::VARCHAR OR substr(kind.value,
length(kind.value) - 5::INTEGER) = '/sboms'::VARCHAR) AND NOT (EXISTS (SELECT image_kind.ref_id
FROM ref_annotation AS image_kind WHERE image_kind.ref_id = image.id AND image_kind.key =
'kind'::VARCHAR AND NOT (image_kind.value = 'image'::VARCHAR OR substr(image_kind.value,
length(image_kind.value) - 5::INTEGER) = '/image'::VARCHAR OR image_kind.value =
'imageIndex'::VARCHAR OR substr(image_kind.value, length(image_kind.value) - 10::INTEGER) =
'/imageIndex'::VARCHAR))) AND ref.target_id = ANY (CAST(%(ids)s AS BIGINT[]))) SELECT
link.parent_id AS manifest_id, link.child_id AS target_id FROM link JOIN blob ON blob.id =
link.child_id WHERE link.role = 4::INTEGER AND link.parent_id = ANY (CAST(%(ids)s AS BIGINT[]))
AND blob.touched IS NOT NULL UNION ALL SELECT listed.child_id AS manifest_id, edge.child_id AS
target_id FROM link AS listed JOIN link_annotation AS kind ON kind.link_id = listed.id JOIN
link_annotation AS about ON about.link_id = listed.id JOIN edge ON edge.parent_id =
listed.parent_id JOIN blob ON blob.id = edge.child_id AND blob.digest = about.value WHERE
listed.role = 1::INTEGER AND (EXISTS (SELECT sibling.id FROM link AS sibling WHERE
sibling.parent_id = edge.parent_id AND sibling.child_id = edge.child_id AND sibling.role =
1::INTEGER)) AND kind.key = 'vnd.docker.reference.type'::VARCHAR AND kind.value =
'attestation-manifest'::VARCHAR AND about.key = 'vnd.docker.reference.digest'::VARCHAR AND
listed.child_id = ANY (CAST(%(ids)s AS BIGINT[])) AND blob.touched IS NOT NULL UNION ALL SELECT
attached.manifest_id, attached.target_id FROM attached JOIN blob ON blob.id =
attached.target_id WHERE blob.touched IS NOT NULL;

-- name: sbom_rows.describing
WITH attached AS (SELECT ref.target_id AS manifest_id, blob.id AS target_id FROM ref JOIN blob
ON blob.digest = replace(substr(ref.tag, 1::INTEGER, length(ref.tag) - CASE WHEN
(substr(ref.tag, length(ref.tag) - 3::INTEGER) = '.att'::VARCHAR) THEN 4::INTEGER WHEN
(substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR) THEN 5::INTEGER ELSE
0::INTEGER END), '-'::VARCHAR, ':'::VARCHAR) WHERE ref.id IN (SELECT tags.id FROM ref AS tags
WHERE substr(tags.tag, length(tags.tag) - 3::INTEGER) = '.att'::VARCHAR OR substr(tags.tag,
length(tags.tag) - 4::INTEGER) = '.sbom'::VARCHAR) UNION ALL SELECT ref.target_id AS
manifest_id, image.target_id AS target_id FROM ref JOIN ref_annotation AS kind ON kind.ref_id =
ref.id AND kind.key = 'kind'::VARCHAR JOIN ref AS image ON image.name = ref.name WHERE
(kind.value = 'atts'::VARCHAR OR substr(kind.value, length(kind.value) - 4::INTEGER) =
'/atts'::VARCHAR OR kind.value = 'sboms'::VARCHAR OR substr(kind.value, length(kind.value) -
5::INTEGER) = '/sboms'::VARCHAR) AND NOT (EXISTS (SELECT image_kind.ref_id FROM ref_annotation
AS image_kind WHERE image_kind.ref_id = image.id AND image_kind.key = 'kind'::VARCHAR AND NOT
(image_kind.value = 'image'::VARCHAR OR substr(image_kind.value, length(image_kind.value) -
5::INTEGER) = '/image'::VARCHAR OR image_kind.value = 'imageIndex'::VARCHAR OR
substr(image_kind.value, length(image_kind.value) - 10::INTEGER) = '/imageIndex'::VARCHAR))))
SELECT link.parent_id AS manifest_id, link.child_id AS target_id FROM link JOIN blob ON blob.id
= link.child_id WHERE link.role = 4::INTEGER AND link.child_id = ANY (CAST(%(ids)s AS
BIGINT[])) AND blob.touched IS NOT NULL UNION ALL SELECT listed.child_id AS manifest_id,
edge.child_id AS target_id FROM link AS listed JOIN link_annotation AS kind ON kind.link_id =
listed.id JOIN link_annotation AS about ON about.link_id = listed.id JOIN edge ON
edge.parent_id = listed.parent_id JOIN blob ON blob.id = edge.child_id AND blob.digest =
about.value WHERE listed.role = 1::INTEGER AND (EXISTS (SELECT sibling.id FROM link AS sibling
WHERE sibling.parent_id = edge.parent_id AND sibling.child_id = edge.child_id AND sibling.role
= 1::INTEGER)) AND kind.key = 'vnd.docker.reference.type'::VARCHAR AND kind.value =
'attestation-manifest'::VARCHAR AND about.key = 'vnd.docker.reference.digest'::VARCHAR AND
edge.child_id = ANY (CAST(%(ids)s AS BIGINT[])) AND blob.touched IS NOT NULL UNION ALL SELECT
attached.manifest_id, attached.target_id FROM attached JOIN blob ON blob.id =
attached.target_id WHERE blob.id = ANY (CAST(%(ids)s AS BIGINT[])) AND blob.touched IS NOT NULL;

-- name: sbom_rows.insert
INSERT INTO sbom (document_id, media_type, predicate_type) VALUES (%s::BIGINT, %s::VARCHAR,
%s::VARCHAR);

-- name: sbom_rows.listed_by
SELECT link.child_id FROM link WHERE link.parent_id = ANY (CAST(%(ids)s AS BIGINT[])) AND
(link.role = 3::INTEGER AND ((EXISTS (SELECT subject.id FROM link AS subject WHERE
subject.parent_id = link.parent_id AND subject.role = 4::INTEGER)) OR (EXISTS (SELECT
listed_attestation.id FROM link AS listed_attestation JOIN link_annotation AS kind_of_entry ON
kind_of_entry.link_id = listed_attestation.id WHERE listed_attestation.child_id =
link.parent_id AND listed_attestation.role = 1::INTEGER AND kind_of_entry.key =
'vnd.docker.reference.type'::VARCHAR AND kind_of_entry.value =
'attestation-manifest'::VARCHAR)) OR (EXISTS (SELECT ref.id FROM ref LEFT OUTER JOIN
ref_annotation ON ref_annotation.ref_id = ref.id AND ref_annotation.key = 'kind'::VARCHAR WHERE
ref.target_id = link.parent_id AND (substr(ref.tag, length(ref.tag) - 3::INTEGER) =
'.att'::VARCHAR OR substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR OR
ref_annotation.value = 'atts'::VARCHAR OR substr(ref_annotation.value,
length(ref_annotation.value) - 4::INTEGER) = '/atts'::VARCHAR OR ref_annotation.value =
'sboms'::VARCHAR OR substr(ref_annotation.value, length(ref_annotation.value) - 5::INTEGER) =
'/sboms'::VARCHAR)))) OR (EXISTS (SELECT sbom.document_id FROM sbom WHERE sbom.document_id =
link.child_id)));

-- name: sbom_rows.near
WITH attached AS (SELECT ref.target_id AS manifest_id, blob.id AS target_id FROM ref JOIN blob
ON blob.digest = replace(substr(ref.tag, 1::INTEGER, length(ref.tag) - CASE WHEN
(substr(ref.tag, length(ref.tag) - 3::INTEGER) = '.att'::VARCHAR) THEN 4::INTEGER WHEN
(substr(ref.tag, length(ref.tag) - 4::INTEGER) = '.sbom'::VARCHAR) THEN 5::INTEGER ELSE
0::INTEGER END), '-'::VARCHAR, ':'::VARCHAR) WHERE ref.id IN (SELECT tags.id FROM ref AS tags
WHERE substr(tags.tag, length(tags.tag) - 3::INTEGER) = '.att'::VARCHAR OR substr(tags.tag,
length(tags.tag) - 4::INTEGER) = '.sbom'::VARCHAR) UNION ALL SELECT ref.target_id AS
manifest_id, image.target_id AS target_id FROM ref JOIN ref_annotation AS kind ON kind.ref_id =
ref.id AND kind.key = 'kind'::VARCHAR JOIN ref AS image ON image.name = ref.name WHERE
(kind.value = 'atts'::VARCHAR OR substr(kind.value, length(kind.value) - 4::INTEGER) =
'/atts'::VARCHAR OR kind.value = 'sboms'::VARCHAR OR substr(kind.value, length(kind.value) -
5::INTEGER) = '/sboms'::VARCHAR) AND NOT (EXISTS (SELECT image_kind.ref_id FROM ref_annotation
AS image_kind WHERE image_kind.ref_id = image.id AND image_kind.key = 'kind'::VARCHAR AND NOT
(image_kind.value = 'image'::VARCHAR OR substr(image_kind.value, length(image_kind.value) -
5::INTEGER) = '/image'::VARCHAR OR image_kind.value = 'imageIndex'::VARCHAR OR
substr(image_kind.value, length(image_kind.value) - 10::INTEGER) = '/imageIndex'::VARCHAR))))
SELECT link.parent_id AS manifest_id FROM link JOIN blob ON blob.id = link.child_id WHERE
link.role = 4::INTEGER AND link.child_id = ANY (CAST(%(ids)s AS BIGINT[])) UNION ALL SELECT
listed.child_id AS manifest_id FROM link AS listed JOIN link_annotation AS kind ON kind.link_id
= listed.id JOIN link_annotation AS about ON about.link_id = listed.id JOIN edge ON
edge.parent_id = listed.parent_id JOIN blob ON blob.id = edge.child_id AND blob.digest =
about.value WHERE listed.role = 1::INTEGER AND (EXISTS (SELECT sibling.id FROM link AS sibling
WHERE sibling.parent_id = edge.parent_id AND sibling.child_id = edge.child_id AND sibling.role
= 1::INTEGER)) AND kind.key = 'vnd.docker.reference.type'::VARCHAR AND kind.value =
'attestation-manifest'::VARCHAR AND about.key = 'vnd.docker.reference.digest'::VARCHAR AND
edge.child_id = ANY (CAST(%(ids)s AS BIGINT[])) UNION ALL SELECT attached.manifest_id FROM
attached WHERE attached.target_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: sbom_rows.of_ids
SELECT sbom.document_id, sbom.media_type, sbom.predicate_type, sbom.packages FROM sbom WHERE
sbom.document_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: sbom_rows.set_corrupt
UPDATE blob SET state=2::INTEGER, problem=%(problem)s::VARCHAR, verified=NULL::BIGINT WHERE
blob.id = %(document_id)s::BIGINT;

-- name: sbom_rows.set_problem
UPDATE sbom SET packages=0::INTEGER, problem=%(problem)s::VARCHAR WHERE sbom.document_id =
%(document_id)s::BIGINT;

-- name: sbom_rows.set_read
UPDATE sbom SET packages=%(packages)s::INTEGER, problem=%(problem)s::VARCHAR WHERE
sbom.document_id = %(document_id)s::BIGINT;

-- name: sbom_rows.unread
SELECT blob.id, blob.digest, blob.touched, sbom.media_type, sbom.predicate_type FROM sbom JOIN
blob ON blob.id = sbom.document_id WHERE sbom.packages IS NULL ORDER BY blob.digest;

-- name: sbom_rows.unread_of
SELECT blob.id, blob.digest, blob.touched, sbom.media_type, sbom.predicate_type FROM sbom JOIN
blob ON blob.id = sbom.document_id WHERE sbom.packages IS NULL AND blob.digest = ANY
(CAST(%(digests)s AS TEXT[]));

-- name: sbom_rows.unreadable
SELECT blob.digest, sbom.media_type, sbom.problem, sbom.packages FROM sbom JOIN blob ON blob.id
= sbom.document_id WHERE sbom.problem IS NOT NULL OR sbom.packages IS NULL ORDER BY blob.digest;

-- name: sboms.coverage
WITH RECURSIVE covered_seed AS (SELECT blob.id AS id FROM blob WHERE blob.kind IN (1::INTEGER,
2::INTEGER, 5::INTEGER) AND (EXISTS (SELECT 1 FROM blob_package WHERE blob_package.blob_id =
blob.id))), covered(id) AS (SELECT covered_seed.id AS id FROM covered_seed UNION SELECT
edge.parent_id AS parent_id FROM covered JOIN edge ON edge.child_id = covered.id) SELECT
(SELECT count(*) AS count_1 FROM ref JOIN blob ON blob.id = ref.target_id WHERE
blob.artifact_type IS NULL AND blob.kind != 5::INTEGER) AS refs, (SELECT count(*) AS count_1
FROM ref JOIN blob ON blob.id = ref.target_id WHERE blob.artifact_type IS NULL AND blob.kind !=
5::INTEGER) - (SELECT count(*) AS count_1 FROM ref JOIN blob ON blob.id = ref.target_id JOIN
covered ON covered.id = ref.target_id WHERE blob.artifact_type IS NULL AND blob.kind !=
5::INTEGER) AS without, (SELECT count(*) AS count_2 FROM sbom WHERE sbom.problem IS NOT NULL OR
sbom.packages IS NULL) AS unreadable;

-- name: sboms.packages
SELECT DISTINCT blob_package.blob_id, package.name, package.version, package.type,
package.license, package.purl, package.vkey, package.id FROM blob_package JOIN package ON
package.id = blob_package.package_id WHERE blob_package.blob_id = ANY (CAST(%(targets)s AS
BIGINT[])) ORDER BY package.name, package.vkey, package.id;

-- name: sboms.unread
SELECT sbom.document_id FROM sbom WHERE sbom.packages IS NULL LIMIT 1::INTEGER;

-- name: state.forget
DELETE FROM state WHERE state.key = %(key)s::VARCHAR;

-- name: state.record
INSERT INTO state (key, value) VALUES (%(key)s::VARCHAR, %(value)s::VARCHAR);

-- name: state.recorded
SELECT state.value FROM state WHERE state.key = %(key)s::VARCHAR;

-- name: stored_blobs.delete
DELETE FROM blob WHERE blob.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: stored_blobs.files
SELECT blob.digest, blob.size, blob.touched FROM blob WHERE blob.touched IS NOT NULL;

-- name: stored_blobs.insert
INSERT INTO blob (id, digest, size, kind, state, media_type, artifact_type, platform_id,
parsed, problem, touched, verified) VALUES (%s::BIGINT, %s::VARCHAR, %s::BIGINT, %s::INTEGER,
%s::INTEGER, %s::VARCHAR, %s::VARCHAR, %s::BIGINT, %s::INTEGER, %s::VARCHAR, %s::BIGINT,
%s::BIGINT);

-- name: stored_blobs.names_of
SELECT blob.id, blob.digest FROM blob WHERE blob.digest = ANY (CAST(%(digests)s AS TEXT[]));

-- name: stored_blobs.next_id
SELECT coalesce(max(blob.id), 0::INTEGER) + 1::BIGINT AS next_id FROM blob;

-- name: stored_blobs.of_digests
SELECT blob.id, blob.digest, blob.size, blob.kind, blob.state, blob.media_type,
blob.artifact_type, blob.platform_id, blob.parsed, blob.problem, blob.touched, blob.verified
FROM blob WHERE blob.digest = ANY (CAST(%(digests)s AS TEXT[]));

-- name: stored_blobs.of_ids
SELECT blob.id, blob.digest, blob.size, blob.kind, blob.state, blob.media_type,
blob.artifact_type, blob.platform_id, blob.parsed, blob.problem, blob.touched, blob.verified
FROM blob WHERE blob.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: stored_blobs.update
UPDATE blob SET size=%(size)s::BIGINT, kind=%(kind)s::INTEGER, state=%(state)s::INTEGER,
media_type=%(media_type)s::VARCHAR, artifact_type=%(artifact_type)s::VARCHAR,
platform_id=%(platform_id)s::BIGINT, parsed=%(parsed)s::INTEGER, problem=%(problem)s::VARCHAR,
touched=%(touched)s::BIGINT, verified=%(verified)s::BIGINT WHERE blob.id = %(row_id)s::BIGINT;

-- name: stored_refs.all
SELECT ref.id, ref.position, ref.entry, ref.name, ref.target_id, ref.media_type, ref.size,
ref.platform_id, ref.added FROM ref ORDER BY ref.position;

-- name: stored_refs.attachable
SELECT ref.name, blob.digest, ref_annotation.value AS kind FROM ref JOIN blob ON blob.id =
ref.target_id LEFT OUTER JOIN ref_annotation ON ref_annotation.ref_id = ref.id AND
ref_annotation.key = 'kind'::VARCHAR WHERE (ref.name LIKE '%%' || '.sig'::VARCHAR) OR (ref.name
LIKE '%%' || '.att'::VARCHAR) OR (ref.name LIKE '%%' || '.sbom'::VARCHAR) OR ref.name IN
(SELECT ref.name FROM ref JOIN ref_annotation ON ref.id = ref_annotation.ref_id WHERE
ref_annotation.key = 'kind'::VARCHAR);

-- name: stored_refs.between
SELECT ref.id, ref.position, ref.entry, ref.name, ref.target_id, ref.media_type, ref.size,
ref.platform_id, ref.added FROM ref WHERE ref.position >= %(first)s::INTEGER AND ref.position <
%(end)s::INTEGER ORDER BY ref.position;

-- name: stored_refs.delete
DELETE FROM ref WHERE ref.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: stored_refs.delete_annotations
DELETE FROM ref_annotation WHERE ref_annotation.ref_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: stored_refs.insert
INSERT INTO ref (id, position, entry, name, registry, repo, tag, target_id, media_type, size,
platform_id, pinned, added) VALUES (%s::BIGINT, %s::INTEGER, %s::VARCHAR, %s::VARCHAR,
%s::VARCHAR, %s::VARCHAR, %s::VARCHAR, %s::BIGINT, %s::VARCHAR, %s::BIGINT, %s::BIGINT,
%s::INTEGER, %s::BIGINT);

-- name: stored_refs.insert_annotations
INSERT INTO ref_annotation (ref_id, key, value) VALUES (%s::BIGINT, %s::VARCHAR, %s::VARCHAR);

-- name: stored_refs.move
UPDATE ref SET position=%(position)s::INTEGER WHERE ref.id = %(row_id)s::BIGINT;

-- name: stored_refs.next_id
SELECT coalesce(max(ref.id), 0::INTEGER) + 1::BIGINT AS next_id FROM ref;

-- name: stored_refs.on_targets
SELECT ref.id, ref.target_id, ref.media_type, ref.size, ref.platform_id FROM ref WHERE
ref.target_id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: stored_refs.shift
UPDATE ref SET position=(ref.position + %(by)s::INTEGER) WHERE ref.position >=
%(start)s::INTEGER;

-- name: stored_refs.update
UPDATE ref SET position=%(position)s::INTEGER, entry=%(entry)s::VARCHAR,
name=%(name)s::VARCHAR, registry=%(registry)s::VARCHAR, repo=%(repo)s::VARCHAR,
tag=%(tag)s::VARCHAR, target_id=%(target_id)s::BIGINT, media_type=%(media_type)s::VARCHAR,
size=%(size)s::BIGINT, platform_id=%(platform_id)s::BIGINT, pinned=%(pinned)s::INTEGER,
added=%(added)s::BIGINT WHERE ref.id = %(row_id)s::BIGINT;

-- name: usage.children
SELECT edge.parent_id, string_agg(CAST(edge.child_id AS TEXT), ',') AS children FROM edge GROUP
BY edge.parent_id;

-- name: usage.content
WITH RECURSIVE measured_seed AS (SELECT anon_1.value AS value FROM (SELECT unnest((SELECT
CAST(%(targets)s AS BIGINT[]))) AS value) AS anon_1), measured(id) AS (SELECT
measured_seed.value AS id FROM measured_seed UNION SELECT edge.child_id AS child_id FROM
measured JOIN edge ON edge.parent_id = measured.id) SELECT coalesce(sum(blob.size), 0::INTEGER)
AS coalesce_1 FROM blob WHERE blob.id IN (SELECT measured.id FROM measured) AND blob.state IN
(1::INTEGER, 2::INTEGER);

-- name: usage.files
SELECT blob.id, CASE WHEN (blob.state IN (1::INTEGER, 2::INTEGER)) THEN blob.size ELSE
0::INTEGER END AS size FROM blob;

-- name: usage.freed
WITH RECURSIVE freed_alone_refs AS MATERIALIZED (SELECT anon_1.value AS value FROM (SELECT
unnest((SELECT CAST(%(refs)s AS BIGINT[]))) AS value) AS anon_1), freed_alone_content_seed AS
(SELECT ref.target_id AS id FROM ref WHERE ref.id IN (SELECT freed_alone_refs.value FROM
freed_alone_refs)), freed_alone_content(id) AS (SELECT freed_alone_content_seed.id AS id FROM
freed_alone_content_seed UNION SELECT edge.child_id AS child_id FROM freed_alone_content JOIN
edge ON edge.parent_id = freed_alone_content.id), freed_alone_sharing(id) AS (SELECT
freed_alone_content.id AS id FROM freed_alone_content UNION SELECT edge.parent_id AS parent_id
FROM freed_alone_sharing JOIN edge ON edge.child_id = freed_alone_sharing.id),
freed_alone_others_seed AS (SELECT ref.target_id AS id FROM ref WHERE ref.target_id IN (SELECT
freed_alone_sharing.id FROM freed_alone_sharing) AND NOT (EXISTS (SELECT 1 FROM
freed_alone_refs WHERE ref.id = freed_alone_refs.value))), freed_alone_others(id) AS (SELECT
freed_alone_others_seed.id AS id FROM freed_alone_others_seed UNION SELECT edge.child_id AS
child_id FROM freed_alone_others JOIN edge ON edge.parent_id = freed_alone_others.id),
freed_alone AS (SELECT freed_alone_content.id AS id FROM freed_alone_content WHERE NOT (EXISTS
(SELECT 1 FROM freed_alone_others WHERE freed_alone_others.id = freed_alone_content.id))),
freed_subjects_and_theirs_seed AS (SELECT link.child_id AS id FROM link WHERE link.role =
4::INTEGER AND link.child_id IN (SELECT freed_alone.id FROM freed_alone) AND NOT (EXISTS
(SELECT 1 FROM freed_alone WHERE freed_alone.id = link.parent_id))),
freed_subjects_and_theirs(id) AS (SELECT freed_subjects_and_theirs_seed.id AS id FROM
freed_subjects_and_theirs_seed UNION SELECT link.child_id AS child_id FROM
freed_subjects_and_theirs JOIN link ON link.parent_id = freed_subjects_and_theirs.id),
freed_subjects(id) AS (SELECT freed_subjects_and_theirs.id AS id FROM freed_subjects_and_theirs
UNION SELECT edge.child_id AS child_id FROM freed_subjects JOIN edge ON edge.parent_id =
freed_subjects.id), freed AS (SELECT freed_alone.id AS id FROM freed_alone WHERE NOT (EXISTS
(SELECT 1 FROM freed_subjects WHERE freed_subjects.id = freed_alone.id))) SELECT
coalesce(sum(blob.size), 0::INTEGER) AS coalesce_1 FROM blob WHERE blob.id IN (SELECT freed.id
FROM freed) AND blob.state IN (1::INTEGER, 2::INTEGER);

-- name: usage.listed
SELECT link.parent_id, link.child_id, blob.state, link.platform_id AS declared_id,
blob.platform_id AS configured_id FROM link JOIN blob ON blob.id = link.child_id WHERE
link.role = 1::INTEGER AND blob.kind = 2::INTEGER ORDER BY link.parent_id, link.position;

-- name: usage.manifests
SELECT blob.id, blob.platform_id FROM blob WHERE blob.kind = 2::INTEGER AND blob.platform_id IS
NOT NULL;

-- name: usage.names
SELECT ref.id AS ref_id, blob.id AS blob_id, ref.name, ref.registry, ref.repo, blob.digest FROM
ref JOIN blob ON blob.id = ref.target_id ORDER BY ref.position;

-- name: usage.on_disk
SELECT coalesce(sum(blob.size), 0::INTEGER) AS coalesce_1 FROM blob WHERE blob.state IN
(1::INTEGER, 2::INTEGER);

-- name: usage.platforms
SELECT platform.id, platform.os, platform.architecture, platform.variant, platform.os_version
FROM platform;

-- name: usage.referenced
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref), live(id) AS (SELECT
live_seed.id AS id FROM live_seed UNION SELECT edge.child_id AS child_id FROM live JOIN edge ON
edge.parent_id = live.id) SELECT coalesce(sum(blob.size), 0::INTEGER) AS coalesce_1 FROM blob
WHERE blob.id IN (SELECT live.id FROM live) AND blob.state IN (1::INTEGER, 2::INTEGER);

-- name: user_state.clear_pinned
UPDATE ref SET pinned=0::INTEGER WHERE ref.pinned != 0::INTEGER AND NOT (ref.name IN (SELECT
pin.key FROM pin) OR ref.name IS NULL AND ref.target_id IN (SELECT blob.id FROM blob WHERE
blob.digest IN (SELECT pin.key FROM pin))) AND (ref.id NOT IN (SELECT ref_annotation.ref_id
FROM ref_annotation WHERE ref_annotation.key = %(annotation)s::VARCHAR));

-- name: user_state.corrupt
SELECT blob.digest, blob.size, blob.touched, blob.problem FROM blob WHERE blob.state =
2::INTEGER;

-- name: user_state.delete_pins
DELETE FROM pin WHERE pin.key = ANY (CAST(%(keys)s AS TEXT[]));

-- name: user_state.hashed
SELECT blob.digest, blob.size, blob.touched, blob.verified FROM blob WHERE blob.verified IS NOT
NULL;

-- name: user_state.ids
SELECT blob.digest, blob.id FROM blob WHERE blob.digest = ANY (CAST(%(digests)s AS TEXT[]));

-- name: user_state.insert_pins
INSERT INTO pin (key) VALUES (%s::VARCHAR);

-- name: user_state.insert_repositories
INSERT INTO repository_blob (blob_id, repository, seen) VALUES (%s::BIGINT, %s::VARCHAR,
%s::BIGINT);

-- name: user_state.lease_items
SELECT lease_item.lease_id, lease_item.digest FROM lease_item;

-- name: user_state.leases
SELECT lease.id, lease.host, lease.pid, lease.created, lease.expires FROM lease;

-- name: user_state.mark_pinned
UPDATE ref SET pinned=1::INTEGER WHERE ref.pinned = 0::INTEGER AND (ref.name IN (SELECT pin.key
FROM pin) OR ref.name IS NULL AND ref.target_id IN (SELECT blob.id FROM blob WHERE blob.digest
IN (SELECT pin.key FROM pin)));

-- name: user_state.names
SELECT blob.digest, ref.name, ref.source, ref.origin, ref.added, ref.pulled, ref.used FROM ref
JOIN blob ON blob.id = ref.target_id;

-- name: user_state.pins
SELECT pin.key FROM pin ORDER BY pin.key;

-- name: user_state.repositories
SELECT blob.digest, repository_blob.repository, repository_blob.seen FROM repository_blob JOIN
blob ON blob.id = repository_blob.blob_id;

-- name: user_state.set_corrupt
UPDATE blob SET state=2::INTEGER, problem=%(problem)s::VARCHAR WHERE blob.digest =
%(digest)s::VARCHAR AND blob.size = %(size)s::BIGINT AND blob.touched = %(touched)s::BIGINT AND
blob.parsed = 0::INTEGER;

-- name: user_state.set_name
UPDATE ref SET source=coalesce(%(source)s, ref.source), origin=coalesce(%(origin)s,
ref.origin), added=coalesce(%(added)s, ref.added), pulled=coalesce(%(pulled)s, ref.pulled),
used=coalesce(%(used)s, ref.used) WHERE ref.target_id = %(target_id)s::BIGINT AND ref.name IS
NOT DISTINCT FROM %(name)s::VARCHAR;

-- name: user_state.set_times
UPDATE ref SET pulled=CASE WHEN (ref.pulled IS NULL OR ref.pulled < %(pulled)s::BIGINT) THEN
%(pulled)s::BIGINT ELSE ref.pulled END, used=CASE WHEN (ref.used IS NULL OR ref.used <
%(used)s::BIGINT) THEN %(used)s::BIGINT ELSE ref.used END WHERE ref.name = %(name)s::VARCHAR;

-- name: user_state.set_used
UPDATE ref SET used=CASE WHEN (ref.used IS NULL OR ref.used < %(used)s::BIGINT) THEN
%(used)s::BIGINT ELSE ref.used END WHERE ref.target_id = (SELECT blob.id FROM blob WHERE
blob.digest = %(digest)s::VARCHAR);

-- name: user_state.set_verified
UPDATE blob SET verified=%(verified)s::BIGINT WHERE blob.digest = %(digest)s::VARCHAR AND
blob.size = %(size)s::BIGINT AND blob.touched = %(touched)s::BIGINT;

-- name: validation.config_problems
SELECT link.parent_id AS id, blob.problem FROM link JOIN blob ON blob.id = link.child_id WHERE
link.parent_id = ANY (CAST(%(parents)s AS BIGINT[])) AND link.role = 2::INTEGER AND blob.kind =
3::INTEGER AND blob.problem IS NOT NULL ORDER BY link.parent_id;

-- name: validation.faults
SELECT link.parent_id, blob.digest, blob.state FROM link JOIN blob ON blob.id = link.child_id
WHERE link.parent_id = ANY (CAST(%(parents)s AS BIGINT[])) AND link.role IN (2::INTEGER,
3::INTEGER) AND blob.state != 1::INTEGER AND blob.state IN (0::INTEGER, 2::INTEGER, 3::INTEGER)
ORDER BY link.parent_id, link.role, link.position;

-- name: validation.misdeclared
SELECT link.parent_id, parent.digest AS parent_digest, blob.digest, blob.size, link.size AS
declared FROM link JOIN blob ON blob.id = link.child_id JOIN blob AS parent ON parent.id =
link.parent_id WHERE blob.state = 1::INTEGER AND blob.size != link.size AND link.parent_id =
ANY (CAST(%(parents)s AS BIGINT[])) ORDER BY link.parent_id, link.position;

-- name: validation.misdeclared_referenced
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref), live(id) AS (SELECT
live_seed.id AS id FROM live_seed UNION SELECT edge.child_id AS child_id FROM live JOIN edge ON
edge.parent_id = live.id) SELECT link.parent_id, parent.digest AS parent_digest, blob.digest,
blob.size, link.size AS declared FROM link JOIN blob ON blob.id = link.child_id JOIN blob AS
parent ON parent.id = link.parent_id WHERE blob.state = 1::INTEGER AND blob.size != link.size
AND link.parent_id IN (SELECT live.id FROM live) ORDER BY link.parent_id, link.position;

-- name: validation.misdeclared_refs
SELECT ref.id, ref.name, blob.digest, blob.size, ref.size AS declared FROM ref JOIN blob ON
blob.id = ref.target_id WHERE blob.state = 1::INTEGER AND blob.size != ref.size ORDER BY
ref.position;

-- name: validation.misdeclared_refs_of
SELECT ref.id, ref.name, blob.digest, blob.size, ref.size AS declared FROM ref JOIN blob ON
blob.id = ref.target_id WHERE blob.state = 1::INTEGER AND blob.size != ref.size AND
ref.target_id = ANY (CAST(%(targets)s AS BIGINT[])) ORDER BY ref.position;

-- name: validation.problems
SELECT blob.id, blob.problem FROM blob WHERE blob.id = ANY (CAST(%(targets)s AS BIGINT[])) AND
blob.problem IS NOT NULL;

-- name: verification.arrived
UPDATE blob SET verified=%(moment)s::BIGINT WHERE blob.digest = ANY (CAST(%(digests)s AS
TEXT[]));

-- name: verification.corrupt
SELECT blob.id, blob.digest FROM blob WHERE blob.state != 1::INTEGER AND blob.state IN
(2::INTEGER);

-- name: verification.corrupted
UPDATE blob SET state=2::INTEGER, problem=%(problem)s::VARCHAR, verified=NULL::BIGINT WHERE
blob.digest = %(digest)s::VARCHAR;

-- name: verification.files
SELECT blob.id, blob.digest, blob.size FROM blob WHERE blob.state IN (1::INTEGER, 2::INTEGER)
ORDER BY blob.id;

-- name: verification.files_of
WITH RECURSIVE content_seed AS (SELECT anon_1.value AS value FROM (SELECT unnest((SELECT
CAST(%(targets)s AS BIGINT[]))) AS value) AS anon_1), content(id) AS (SELECT content_seed.value
AS id FROM content_seed UNION SELECT edge.child_id AS child_id FROM content JOIN edge ON
edge.parent_id = content.id) SELECT blob.id, blob.digest, blob.size FROM blob WHERE blob.state
IN (1::INTEGER, 2::INTEGER) AND blob.id IN (SELECT content.id FROM content) ORDER BY blob.id;

-- name: verification.healed
UPDATE blob SET state=1::INTEGER, problem=NULL::VARCHAR WHERE blob.digest = %(digest)s::VARCHAR
AND blob.state = 2::INTEGER AND blob.parsed = 0::INTEGER;

-- name: verification.intact
SELECT blob.digest, blob.touched FROM blob WHERE blob.digest = ANY (CAST(%(digests)s AS
TEXT[])) AND blob.state = 1::INTEGER AND blob.verified IS NOT NULL AND blob.touched IS NOT NULL
ORDER BY blob.digest;

-- name: verification.missing
WITH RECURSIVE live_seed AS (SELECT ref.target_id AS id FROM ref), live(id) AS (SELECT
live_seed.id AS id FROM live_seed UNION SELECT edge.child_id AS child_id FROM live JOIN edge ON
edge.parent_id = live.id) SELECT blob.digest FROM blob WHERE blob.state != 1::INTEGER AND
blob.state IN (0::INTEGER) AND (EXISTS (SELECT 1 FROM live WHERE live.id = blob.id));

-- name: verification.missing_of
WITH RECURSIVE content_seed AS (SELECT anon_1.value AS value FROM (SELECT unnest((SELECT
CAST(%(targets)s AS BIGINT[]))) AS value) AS anon_1), content(id) AS (SELECT content_seed.value
AS id FROM content_seed UNION SELECT edge.child_id AS child_id FROM content JOIN edge ON
edge.parent_id = content.id) SELECT blob.digest FROM blob WHERE blob.state != 1::INTEGER AND
blob.state IN (0::INTEGER) AND blob.id IN (SELECT content.id FROM content);

-- name: verification.stored
SELECT blob.id, blob.touched FROM blob WHERE blob.id = ANY (CAST(%(ids)s AS BIGINT[]));

-- name: verification.verified
UPDATE blob SET verified=%(moment)s::BIGINT WHERE blob.id = ANY (CAST(%(ids)s AS BIGINT[]));
