-- Tables and indexes for postgresql.
-- Generated from cachedb/catalog/schema by `make golden`; never edited by hand.

-- table: lease
CREATE TABLE lease ( id TEXT COLLATE "C" NOT NULL, host TEXT COLLATE "C" NOT NULL, pid INTEGER
NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, CONSTRAINT pk_lease PRIMARY KEY
(id) );

-- table: package
CREATE TABLE package ( id BIGSERIAL NOT NULL, name TEXT COLLATE "C" NOT NULL, version TEXT
COLLATE "C" NOT NULL, scheme TEXT COLLATE "C" NOT NULL, vkey TEXT COLLATE "C" NOT NULL, purl
TEXT COLLATE "C" NOT NULL, license TEXT COLLATE "C" NOT NULL, type TEXT COLLATE "C" NOT NULL,
CONSTRAINT pk_package PRIMARY KEY (id) );

-- index: ix_package_name
CREATE INDEX ix_package_name ON package USING hash (name);

-- table: pin
CREATE TABLE pin ( key TEXT COLLATE "C" NOT NULL );

-- index: ix_pin_key
CREATE INDEX ix_pin_key ON pin USING hash (key);

-- table: platform
CREATE TABLE platform ( id BIGSERIAL NOT NULL, os TEXT COLLATE "C" NOT NULL, architecture TEXT
COLLATE "C" NOT NULL, variant TEXT COLLATE "C" NOT NULL, os_version TEXT COLLATE "C" NOT NULL,
CONSTRAINT pk_platform PRIMARY KEY (id) );

-- index: ix_platform_os
CREATE INDEX ix_platform_os ON platform USING hash (os);

-- table: state
CREATE TABLE state ( key TEXT COLLATE "C" NOT NULL, value TEXT COLLATE "C" NOT NULL, CONSTRAINT
pk_state PRIMARY KEY (key) );

-- table: blob
CREATE TABLE blob ( id BIGSERIAL NOT NULL, digest TEXT COLLATE "C" NOT NULL, size BIGINT NOT
NULL, kind INTEGER NOT NULL, state INTEGER NOT NULL, media_type TEXT COLLATE "C" NOT NULL,
artifact_type TEXT COLLATE "C", platform_id BIGINT, parsed INTEGER NOT NULL, problem TEXT
COLLATE "C", touched BIGINT, verified BIGINT, CONSTRAINT pk_blob PRIMARY KEY (id), CONSTRAINT
fk_blob_platform_id_platform FOREIGN KEY(platform_id) REFERENCES platform (id) );

-- index: ix_blob_digest
CREATE INDEX ix_blob_digest ON blob USING hash (digest);

-- index: ix_blob_kind_size
CREATE INDEX ix_blob_kind_size ON blob (kind, size);

-- index: ix_blob_unwell
CREATE INDEX ix_blob_unwell ON blob (state) WHERE state != 1;

-- table: lease_item
CREATE TABLE lease_item ( lease_id TEXT COLLATE "C" NOT NULL, digest TEXT COLLATE "C" NOT NULL,
CONSTRAINT fk_lease_item_lease_id_lease FOREIGN KEY(lease_id) REFERENCES lease (id) ON DELETE
CASCADE );

-- index: ix_lease_item_lease_id
CREATE INDEX ix_lease_item_lease_id ON lease_item (lease_id);

-- table: annotation
CREATE TABLE annotation ( blob_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value TEXT
COLLATE "C" NOT NULL, CONSTRAINT fk_annotation_blob_id_blob FOREIGN KEY(blob_id) REFERENCES
blob (id) );

-- index: ix_annotation_blob_id
CREATE INDEX ix_annotation_blob_id ON annotation (blob_id);

-- table: blob_package
CREATE TABLE blob_package ( blob_id BIGINT NOT NULL, package_id BIGINT NOT NULL, document_id
BIGINT NOT NULL, CONSTRAINT pk_blob_package PRIMARY KEY (blob_id, package_id, document_id),
CONSTRAINT fk_blob_package_blob_id_blob FOREIGN KEY(blob_id) REFERENCES blob (id), CONSTRAINT
fk_blob_package_package_id_package FOREIGN KEY(package_id) REFERENCES package (id), CONSTRAINT
fk_blob_package_document_id_blob FOREIGN KEY(document_id) REFERENCES blob (id) );

-- index: ix_blob_package_document_id
CREATE INDEX ix_blob_package_document_id ON blob_package (document_id);

-- index: ix_blob_package_package_id_blob_id
CREATE INDEX ix_blob_package_package_id_blob_id ON blob_package (package_id, blob_id);

-- table: config
CREATE TABLE config ( blob_id BIGINT NOT NULL, created BIGINT, author TEXT COLLATE "C" NOT
NULL, "user" TEXT COLLATE "C" NOT NULL, working_dir TEXT COLLATE "C" NOT NULL, entrypoint TEXT
COLLATE "C" NOT NULL, cmd TEXT COLLATE "C" NOT NULL, CONSTRAINT pk_config PRIMARY KEY
(blob_id), CONSTRAINT fk_config_blob_id_blob FOREIGN KEY(blob_id) REFERENCES blob (id) );

-- table: edge
CREATE TABLE edge ( parent_id BIGINT NOT NULL, child_id BIGINT NOT NULL, CONSTRAINT pk_edge
PRIMARY KEY (parent_id, child_id), CONSTRAINT fk_edge_parent_id_blob FOREIGN KEY(parent_id)
REFERENCES blob (id), CONSTRAINT fk_edge_child_id_blob FOREIGN KEY(child_id) REFERENCES blob
(id) );

-- index: ix_edge_child_id_parent_id
CREATE INDEX ix_edge_child_id_parent_id ON edge (child_id, parent_id);

-- table: env
CREATE TABLE env ( blob_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value TEXT COLLATE
"C" NOT NULL, CONSTRAINT fk_env_blob_id_blob FOREIGN KEY(blob_id) REFERENCES blob (id) );

-- index: ix_env_blob_id
CREATE INDEX ix_env_blob_id ON env (blob_id);

-- table: label
CREATE TABLE label ( blob_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value TEXT COLLATE
"C" NOT NULL, CONSTRAINT fk_label_blob_id_blob FOREIGN KEY(blob_id) REFERENCES blob (id) );

-- index: ix_label_blob_id
CREATE INDEX ix_label_blob_id ON label (blob_id);

-- table: link
CREATE TABLE link ( id BIGSERIAL NOT NULL, parent_id BIGINT NOT NULL, child_id BIGINT NOT NULL,
role INTEGER NOT NULL, position INTEGER NOT NULL, media_type TEXT COLLATE "C" NOT NULL, size
BIGINT NOT NULL, platform_id BIGINT, artifact_type TEXT COLLATE "C", embedded INTEGER NOT NULL,
CONSTRAINT pk_link PRIMARY KEY (id), CONSTRAINT uq_link_parent_id_role_position UNIQUE
(parent_id, role, position), CONSTRAINT fk_link_parent_id_blob FOREIGN KEY(parent_id)
REFERENCES blob (id), CONSTRAINT fk_link_child_id_blob FOREIGN KEY(child_id) REFERENCES blob
(id), CONSTRAINT fk_link_platform_id_platform FOREIGN KEY(platform_id) REFERENCES platform (id)
);

-- index: ix_link_child_id_role
CREATE INDEX ix_link_child_id_role ON link (child_id, role);

-- index: ix_link_subject
CREATE INDEX ix_link_subject ON link (role, child_id, parent_id) WHERE role = 4;

-- table: ref
CREATE TABLE ref ( id BIGSERIAL NOT NULL, position INTEGER NOT NULL, entry TEXT COLLATE "C" NOT
NULL, name TEXT COLLATE "C", registry TEXT COLLATE "C", repo TEXT COLLATE "C", tag TEXT COLLATE
"C", target_id BIGINT NOT NULL, media_type TEXT COLLATE "C" NOT NULL, size BIGINT NOT NULL,
platform_id BIGINT, pinned INTEGER NOT NULL, source TEXT COLLATE "C", origin TEXT COLLATE "C",
added BIGINT NOT NULL, pulled BIGINT, used BIGINT, CONSTRAINT pk_ref PRIMARY KEY (id),
CONSTRAINT fk_ref_target_id_blob FOREIGN KEY(target_id) REFERENCES blob (id), CONSTRAINT
fk_ref_platform_id_platform FOREIGN KEY(platform_id) REFERENCES platform (id) );

-- index: ix_ref_name
CREATE INDEX ix_ref_name ON ref USING hash (name);

-- index: ix_ref_repo
CREATE INDEX ix_ref_repo ON ref USING hash (repo);

-- index: ix_ref_target_id
CREATE INDEX ix_ref_target_id ON ref (target_id);

-- table: repository_blob
CREATE TABLE repository_blob ( blob_id BIGINT NOT NULL, repository TEXT COLLATE "C" NOT NULL,
seen BIGINT NOT NULL, CONSTRAINT fk_repository_blob_blob_id_blob FOREIGN KEY(blob_id)
REFERENCES blob (id) ON DELETE CASCADE );

-- index: ix_repository_blob_blob_id
CREATE INDEX ix_repository_blob_blob_id ON repository_blob (blob_id);

-- table: sbom
CREATE TABLE sbom ( document_id BIGINT NOT NULL, media_type TEXT COLLATE "C" NOT NULL,
predicate_type TEXT COLLATE "C" NOT NULL, packages INTEGER, problem TEXT COLLATE "C",
CONSTRAINT pk_sbom PRIMARY KEY (document_id), CONSTRAINT fk_sbom_document_id_blob FOREIGN
KEY(document_id) REFERENCES blob (id) );

-- index: ix_sbom_unread
CREATE INDEX ix_sbom_unread ON sbom (document_id) WHERE packages IS NULL;

-- table: link_annotation
CREATE TABLE link_annotation ( link_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value
TEXT COLLATE "C" NOT NULL, CONSTRAINT fk_link_annotation_link_id_link FOREIGN KEY(link_id)
REFERENCES link (id) ON DELETE CASCADE );

-- index: ix_link_annotation_link_id
CREATE INDEX ix_link_annotation_link_id ON link_annotation (link_id);

-- table: ref_annotation
CREATE TABLE ref_annotation ( ref_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value TEXT
COLLATE "C" NOT NULL, CONSTRAINT fk_ref_annotation_ref_id_ref FOREIGN KEY(ref_id) REFERENCES
ref (id) ON DELETE CASCADE );

-- index: ix_ref_annotation_ref_id
CREATE INDEX ix_ref_annotation_ref_id ON ref_annotation (ref_id);

-- table: alembic_version
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,
CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));

-- row: revision
INSERT INTO alembic_version (version_num) VALUES ('0002');
