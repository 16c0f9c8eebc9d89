-- Run once by Postgres' image when its data folder is made: the login of the servers, who may only take the role that
-- owns nothing. `migrate` uses the owner instead.
\getenv password ME_IMAGES_DATABASE_PASSWORD
DO $$ BEGIN
    CREATE ROLE me_images_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
CREATE ROLE me_images_server LOGIN PASSWORD :'password';
GRANT me_images_app TO me_images_server WITH SET TRUE, INHERIT FALSE;
