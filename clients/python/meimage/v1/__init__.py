"""Generated from protos/meimage/v1 by `make generate`. Import the module you need, for example `meimage.v1.me_image_pb2`."""
