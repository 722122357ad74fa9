PRAGMA application_id = 203205869;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,
CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE annotation ( blob_id INTEGER NOT NULL, "key" TEXT NOT NULL, value TEXT NOT NULL,
CONSTRAINT pk_annotation PRIMARY KEY (blob_id, "key"), CONSTRAINT fk_annotation_blob_id_blob
FOREIGN KEY(blob_id) REFERENCES blob (id) ) WITHOUT ROWID, STRICT;
CREATE TABLE blob ( id INTEGER NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, kind
INTEGER NOT NULL, state INTEGER NOT NULL, media_type TEXT NOT NULL, artifact_type TEXT,
platform_id INTEGER, parsed INTEGER NOT NULL, problem TEXT, touched INTEGER, verified INTEGER,
CONSTRAINT pk_blob PRIMARY KEY (id), CONSTRAINT uq_blob_digest UNIQUE (digest), CONSTRAINT
fk_blob_platform_id_platform FOREIGN KEY(platform_id) REFERENCES platform (id) ) STRICT;
INSERT INTO "blob" VALUES(1,'sha256:20b22e8558d7d0fd57f18a6f3e07305588ff6c51e2bd4ec98708324cc2820afe',285,3,1,'application/vnd.oci.image.config.v1+json',NULL,2,1,NULL,1796003194822423616,NULL);
INSERT INTO "blob" VALUES(2,'sha256:3e4bc3d78ed895b9034398e7daf3b3caa886842f7f58bf5cee133d6a1585cd68',554,2,1,'application/vnd.oci.image.manifest.v1+json',NULL,2,1,NULL,1796003194822787055,NULL);
INSERT INTO "blob" VALUES(3,'sha256:6ad8d5a1adf19452dde7b0e402cfe942e19a2f7db13c7a2705054ec827b63077',103,4,1,'application/vnd.oci.image.layer.v1.tar+gzip',NULL,NULL,0,NULL,1796003194821720763,NULL);
INSERT INTO "blob" VALUES(4,'sha256:77f8240787eb0e10f99c3c32d666eb864a44f08e364c95a1d4dd8d7e5c82f440',506,1,1,'application/vnd.oci.image.index.v1+json',NULL,NULL,1,NULL,1796003194822935686,NULL);
INSERT INTO "blob" VALUES(5,'sha256:843aa9d862bdf0bb505b5534073f1e338d1e0a0f960ee322d075d513f71daa73',554,2,1,'application/vnd.oci.image.manifest.v1+json',NULL,1,1,NULL,1796003194824038542,NULL);
INSERT INTO "blob" VALUES(6,'sha256:8f1e1cba0e78f102d128d41db5a097678ea998b92fd95f424e83ef0e30e211a5',294,3,1,'application/vnd.oci.image.config.v1+json',NULL,1,1,NULL,1796003194823512732,NULL);
INSERT INTO "blob" VALUES(7,'sha256:8ffdda9bc9f342565c91897fd33d9660a20cfe8093b510ff9c28a2c7ee0c3d1f',554,2,1,'application/vnd.oci.image.manifest.v1+json',NULL,1,1,NULL,1796003194822222107,NULL);
INSERT INTO "blob" VALUES(8,'sha256:b405616a7a38cae23581b94a563789c15341313969b7209559f6690eeca7577f',307,3,1,'application/vnd.oci.image.config.v1+json',NULL,1,1,NULL,1796003194821559213,NULL);
INSERT INTO "blob" VALUES(9,'sha256:c75e7196b6a9c8dd7f876c8e7aea60c3799fe21f8afbe7595c7688bed0b5a365',94,4,1,'application/vnd.oci.image.layer.v1.tar+gzip',NULL,NULL,0,NULL,1796003194822623462,NULL);
INSERT INTO "blob" VALUES(10,'sha256:dcd4f1413c65a92f4435c7b80415303007a3dc809d2b87bce45ca52e3ac954a8',96,4,1,'application/vnd.oci.image.layer.v1.tar+gzip',NULL,NULL,0,NULL,1796003194822010993,NULL);
INSERT INTO "blob" VALUES(11,'sha256:eb700552247e58f4aaa07e7f321140b37afb6927e6a6bbf3817330a0a2fbad1f',92,4,1,'application/vnd.oci.image.layer.v1.tar+gzip',NULL,NULL,0,NULL,1796003194823889301,NULL);
CREATE TABLE blob_package ( blob_id INTEGER NOT NULL, package_id INTEGER NOT NULL, document_id
INTEGER NOT NULL, CONSTRAINT pk_blob_package PRIMARY KEY (blob_id, package_id, document_id),
CONSTRAINT fk_blob_package_blob_id_blob FOREIGN KEY(blob_id) REFERENCES blob (id), CONSTRAINT
fk_blob_package_package_id_package FOREIGN KEY(package_id) REFERENCES package (id), CONSTRAINT
fk_blob_package_document_id_blob FOREIGN KEY(document_id) REFERENCES blob (id) ) WITHOUT ROWID,
STRICT;
CREATE TABLE config ( blob_id INTEGER NOT NULL, created INTEGER, author TEXT NOT NULL, user
TEXT NOT NULL, working_dir TEXT NOT NULL, entrypoint TEXT NOT NULL, cmd TEXT NOT NULL,
CONSTRAINT pk_config PRIMARY KEY (blob_id), CONSTRAINT fk_config_blob_id_blob FOREIGN
KEY(blob_id) REFERENCES blob (id) ) STRICT;
INSERT INTO "config" VALUES(1,1714979289000000,'','','','','');
INSERT INTO "config" VALUES(6,1714979289000000,'','','','','');
INSERT INTO "config" VALUES(8,1714979289000000,'','','','','');
CREATE TABLE edge ( parent_id INTEGER NOT NULL, child_id INTEGER NOT NULL, CONSTRAINT pk_edge
PRIMARY KEY (parent_id, child_id), CONSTRAINT fk_edge_parent_id_blob FOREIGN KEY(parent_id)
REFERENCES blob (id), CONSTRAINT fk_edge_child_id_blob FOREIGN KEY(child_id) REFERENCES blob
(id) ) WITHOUT ROWID, STRICT;
INSERT INTO "edge" VALUES(2,1);
INSERT INTO "edge" VALUES(4,2);
INSERT INTO "edge" VALUES(2,3);
INSERT INTO "edge" VALUES(5,3);
INSERT INTO "edge" VALUES(7,3);
INSERT INTO "edge" VALUES(5,6);
INSERT INTO "edge" VALUES(4,7);
INSERT INTO "edge" VALUES(7,8);
INSERT INTO "edge" VALUES(2,9);
INSERT INTO "edge" VALUES(7,10);
INSERT INTO "edge" VALUES(5,11);
CREATE TABLE env ( blob_id INTEGER NOT NULL, "key" TEXT NOT NULL, value TEXT NOT NULL,
CONSTRAINT pk_env PRIMARY KEY (blob_id, "key"), CONSTRAINT fk_env_blob_id_blob FOREIGN
KEY(blob_id) REFERENCES blob (id) ) WITHOUT ROWID, STRICT;
INSERT INTO "env" VALUES(8,'A','1');
CREATE TABLE label ( blob_id INTEGER NOT NULL, "key" TEXT NOT NULL, value TEXT NOT NULL,
CONSTRAINT pk_label PRIMARY KEY (blob_id, "key"), CONSTRAINT fk_label_blob_id_blob FOREIGN
KEY(blob_id) REFERENCES blob (id) ) WITHOUT ROWID, STRICT;
INSERT INTO "label" VALUES(6,'team','blue');
INSERT INTO "label" VALUES(8,'team','red');
CREATE TABLE lease ( id TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, created
INTEGER NOT NULL, expires INTEGER NOT NULL, CONSTRAINT pk_lease PRIMARY KEY (id) ) WITHOUT
ROWID, STRICT;
CREATE TABLE lease_item ( lease_id TEXT NOT NULL, digest TEXT NOT NULL, CONSTRAINT
pk_lease_item PRIMARY KEY (lease_id, digest), CONSTRAINT fk_lease_item_lease_id_lease FOREIGN
KEY(lease_id) REFERENCES lease (id) ON DELETE CASCADE ) WITHOUT ROWID, STRICT;
CREATE TABLE link ( id INTEGER NOT NULL, parent_id INTEGER NOT NULL, child_id INTEGER NOT NULL,
role INTEGER NOT NULL, position INTEGER NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT
NULL, platform_id INTEGER, artifact_type TEXT, embedded INTEGER NOT NULL, CONSTRAINT pk_link
PRIMARY KEY (id), CONSTRAINT uq_link_parent_id_role_position UNIQUE (parent_id, role,
position), CONSTRAINT fk_link_parent_id_blob FOREIGN KEY(parent_id) REFERENCES blob (id),
CONSTRAINT fk_link_child_id_blob FOREIGN KEY(child_id) REFERENCES blob (id), CONSTRAINT
fk_link_platform_id_platform FOREIGN KEY(platform_id) REFERENCES platform (id) ) STRICT;
INSERT INTO "link" VALUES(1,4,7,1,0,'application/vnd.oci.image.manifest.v1+json',554,1,NULL,0);
INSERT INTO "link" VALUES(2,4,2,1,1,'application/vnd.oci.image.manifest.v1+json',554,2,NULL,0);
INSERT INTO "link" VALUES(3,5,6,2,0,'application/vnd.oci.image.config.v1+json',294,NULL,NULL,0);
INSERT INTO "link" VALUES(4,5,3,3,0,'application/vnd.oci.image.layer.v1.tar+gzip',103,NULL,NULL,0);
INSERT INTO "link" VALUES(5,5,11,3,1,'application/vnd.oci.image.layer.v1.tar+gzip',92,NULL,NULL,0);
INSERT INTO "link" VALUES(6,2,1,2,0,'application/vnd.oci.image.config.v1+json',285,NULL,NULL,0);
INSERT INTO "link" VALUES(7,2,3,3,0,'application/vnd.oci.image.layer.v1.tar+gzip',103,NULL,NULL,0);
INSERT INTO "link" VALUES(8,2,9,3,1,'application/vnd.oci.image.layer.v1.tar+gzip',94,NULL,NULL,0);
INSERT INTO "link" VALUES(9,7,8,2,0,'application/vnd.oci.image.config.v1+json',307,NULL,NULL,0);
INSERT INTO "link" VALUES(10,7,3,3,0,'application/vnd.oci.image.layer.v1.tar+gzip',103,NULL,NULL,0);
INSERT INTO "link" VALUES(11,7,10,3,1,'application/vnd.oci.image.layer.v1.tar+gzip',96,NULL,NULL,0);
CREATE TABLE link_annotation ( link_id INTEGER NOT NULL, "key" TEXT NOT NULL, value TEXT NOT
NULL, CONSTRAINT pk_link_annotation PRIMARY KEY (link_id, "key"), CONSTRAINT
fk_link_annotation_link_id_link FOREIGN KEY(link_id) REFERENCES link (id) ON DELETE CASCADE )
WITHOUT ROWID, STRICT;
CREATE TABLE package ( id INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, scheme
TEXT NOT NULL, vkey TEXT NOT NULL, purl TEXT NOT NULL, license TEXT NOT NULL, type TEXT NOT
NULL, CONSTRAINT pk_package PRIMARY KEY (id), CONSTRAINT
uq_package_name_version_scheme_purl_license_type UNIQUE (name, version, scheme, purl, license,
type) ) STRICT;
CREATE TABLE pin ( "key" TEXT NOT NULL, CONSTRAINT pk_pin PRIMARY KEY ("key") ) WITHOUT ROWID,
STRICT;
CREATE TABLE platform ( id INTEGER NOT NULL, os TEXT NOT NULL, architecture TEXT NOT NULL,
variant TEXT NOT NULL, os_version TEXT NOT NULL, CONSTRAINT pk_platform PRIMARY KEY (id),
CONSTRAINT uq_platform_os_architecture_variant_os_version UNIQUE (os, architecture, variant,
os_version) ) STRICT;
INSERT INTO "platform" VALUES(1,'linux','amd64','','');
INSERT INTO "platform" VALUES(2,'linux','arm64','','');
CREATE TABLE ref ( id INTEGER NOT NULL, position INTEGER NOT NULL, entry TEXT NOT NULL, name
TEXT, registry TEXT, repo TEXT, tag TEXT, target_id INTEGER NOT NULL, media_type TEXT NOT NULL,
size INTEGER NOT NULL, platform_id INTEGER, pinned INTEGER NOT NULL, source TEXT, origin TEXT,
added INTEGER NOT NULL, pulled INTEGER, used INTEGER, CONSTRAINT pk_ref PRIMARY KEY (id),
CONSTRAINT fk_ref_target_id_blob FOREIGN KEY(target_id) REFERENCES blob (id), CONSTRAINT
fk_ref_platform_id_platform FOREIGN KEY(platform_id) REFERENCES platform (id) ) STRICT;
INSERT INTO "ref" VALUES(1,0,'{"annotations":{"org.opencontainers.image.ref.name":"example.com/app:1"},"digest":"sha256:77f8240787eb0e10f99c3c32d666eb864a44f08e364c95a1d4dd8d7e5c82f440","mediaType":"application/vnd.oci.image.index.v1+json","size":506}','example.com/app:1','example.com','app','1',4,'application/vnd.oci.image.index.v1+json',506,NULL,0,'pull','example.com/app:1',11,22,33);
INSERT INTO "ref" VALUES(2,1,'{"annotations":{"org.opencontainers.image.ref.name":"tool"},"digest":"sha256:843aa9d862bdf0bb505b5534073f1e338d1e0a0f960ee322d075d513f71daa73","mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"architecture":"amd64","os":"linux"},"size":554}','tool',NULL,NULL,'tool',5,'application/vnd.oci.image.manifest.v1+json',554,1,0,'pull','tool',11,22,33);
CREATE TABLE ref_annotation ( ref_id INTEGER NOT NULL, "key" TEXT NOT NULL, value TEXT NOT
NULL, CONSTRAINT pk_ref_annotation PRIMARY KEY (ref_id, "key"), CONSTRAINT
fk_ref_annotation_ref_id_ref FOREIGN KEY(ref_id) REFERENCES ref (id) ON DELETE CASCADE )
WITHOUT ROWID, STRICT;
INSERT INTO "ref_annotation" VALUES(1,'org.opencontainers.image.ref.name','example.com/app:1');
INSERT INTO "ref_annotation" VALUES(2,'org.opencontainers.image.ref.name','tool');
CREATE TABLE repository_blob ( blob_id INTEGER NOT NULL, repository TEXT NOT NULL, seen INTEGER
NOT NULL, CONSTRAINT pk_repository_blob PRIMARY KEY (blob_id, repository), CONSTRAINT
fk_repository_blob_blob_id_blob FOREIGN KEY(blob_id) REFERENCES blob (id) ON DELETE CASCADE )
WITHOUT ROWID, STRICT;
CREATE TABLE sbom ( document_id INTEGER NOT NULL, media_type TEXT NOT NULL, predicate_type TEXT
NOT NULL, packages INTEGER, problem TEXT, CONSTRAINT pk_sbom PRIMARY KEY (document_id),
CONSTRAINT fk_sbom_document_id_blob FOREIGN KEY(document_id) REFERENCES blob (id) ) STRICT;
CREATE TABLE state ( "key" TEXT NOT NULL, value TEXT NOT NULL, CONSTRAINT pk_state PRIMARY KEY
("key") ) WITHOUT ROWID, STRICT;
INSERT INTO "state" VALUES('adopted','1796003195035073');
INSERT INTO "state" VALUES('fingerprint','2179961.803.1796003194825157763.1796003194825157763 2179363.1796003194823889301/none/none racy');
INSERT INTO "state" VALUES('index-problems','[]');
INSERT INTO "state" VALUES('names','{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:77f8240787eb0e10f99c3c32d666eb864a44f08e364c95a1d4dd8d7e5c82f440","size":506,"annotations":{"org.opencontainers.image.ref.name":"example.com/app:1"}},
{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:843aa9d862bdf0bb505b5534073f1e338d1e0a0f960ee322d075d513f71daa73","size":554,"platform":{"architecture":"amd64","os":"linux"},"annotations":{"org.opencontainers.image.ref.name":"tool"}}
]}
');
CREATE INDEX ix_package_name_vkey ON package (name, vkey);
CREATE INDEX ix_blob_kind_size ON blob (kind, size);
CREATE INDEX ix_blob_unwell ON blob (state) WHERE state != 1;
CREATE INDEX ix_blob_package_document_id ON blob_package (document_id);
CREATE INDEX ix_blob_package_package_id_blob_id ON blob_package (package_id, blob_id);
CREATE INDEX ix_edge_child_id_parent_id ON edge (child_id, parent_id);
CREATE INDEX ix_link_child_id_role ON link (child_id, role);
CREATE INDEX ix_link_subject ON link (role, child_id, parent_id) WHERE role = 4;
CREATE INDEX ix_ref_name ON ref (name);
CREATE INDEX ix_ref_repo_tag ON ref (repo, tag);
CREATE INDEX ix_ref_target_id ON ref (target_id);
CREATE INDEX ix_sbom_unread ON sbom (document_id) WHERE packages IS NULL;
COMMIT;
