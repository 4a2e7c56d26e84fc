"""Addresses of the shared core."""

from django.urls import path

from annotator.views import (
    accounts,
    clusters,
    dataset_settings,
    datasets,
    distributions,
    exports,
    face_lists,
    faces,
    health,
    history,
    imports,
    jobs,
    keys,
    map,
    media,
    members,
    noise,
    relabelling,
    review,
    selections,
    withdrawals,
)

urlpatterns = [
    # accounts
    path("login/", accounts.login, name="login"),
    path("login/again/", accounts.login_again, name="login_again"),
    path("login/<str:token>/", accounts.login_link, name="login_link"),
    path("logout/", accounts.logout, name="logout"),
    path("password/", accounts.password_change, name="password_change"),
    path("keys/", keys.key_map, name="key_map"),
    path("invitations/<str:token>/", accounts.invitation_accept, name="invitation_accept"),
    # data sets
    path("", datasets.dataset_list, name="dataset_list"),
    path("datasets/new/", datasets.dataset_create, name="dataset_create"),
    path("datasets/<int:dataset_id>/", datasets.dataset_detail, name="dataset_detail"),
    path("datasets/<int:dataset_id>/figures/", datasets.dataset_figures, name="dataset_figures"),
    path("datasets/<int:dataset_id>/card/", datasets.dataset_card, name="dataset_card"),
    path("datasets/<int:dataset_id>/settings/", dataset_settings.dataset_settings, name="dataset_settings"),
    path("datasets/<int:dataset_id>/settings/aus/", dataset_settings.dataset_aus, name="dataset_aus"),
    path("datasets/<int:dataset_id>/protocol/", dataset_settings.protocol_change, name="protocol_change"),
    # members
    path("datasets/<int:dataset_id>/members/", members.member_list, name="member_list"),
    path("datasets/<int:dataset_id>/members/<int:member_id>/", members.member_change, name="member_change"),
    path(
        "datasets/<int:dataset_id>/members/<int:member_id>/remove/",
        members.member_remove,
        name="member_remove",
    ),
    path("datasets/<int:dataset_id>/invitations/", members.invitation_create, name="invitation_create"),
    path(
        "datasets/<int:dataset_id>/invitations/<int:invitation_id>/revoke/",
        members.invitation_revoke,
        name="invitation_revoke",
    ),
    path("datasets/<int:dataset_id>/audit/", members.audit_list, name="audit_list"),
    # who did and saw what
    path("datasets/<int:dataset_id>/history/", history.history, name="history"),
    path("datasets/<int:dataset_id>/history/table/", history.history_download, name="history_download"),
    # the withdrawal of a subject
    path("datasets/<int:dataset_id>/withdrawals/", withdrawals.withdrawal_list, name="withdrawal_list"),
    path("datasets/<int:dataset_id>/withdrawals/look/", withdrawals.withdrawal_look, name="withdrawal_look"),
    path("datasets/<int:dataset_id>/withdrawals/create/", withdrawals.withdrawal_create, name="withdrawal_create"),
    path("datasets/<int:dataset_id>/withdrawals/finish/", withdrawals.withdrawal_finish, name="withdrawal_finish"),
    # jobs
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/", jobs.job_detail, name="job_detail"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/progress/", jobs.job_progress, name="job_progress"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/resume/", jobs.job_resume, name="job_resume"),
    # review
    path("datasets/<int:dataset_id>/review/", review.review_queue, name="review_queue"),
    path("datasets/<int:dataset_id>/review/next/", review.review_next, name="review_next"),
    path(
        "datasets/<int:dataset_id>/assignments/<int:assignment_id>/release/",
        review.assignment_release,
        name="assignment_release",
    ),
    path(
        "datasets/<int:dataset_id>/decisions/<int:decision_id>/undo/",
        review.decision_undo_view,
        name="decision_undo",
    ),
    path("datasets/<int:dataset_id>/clusters/<int:cluster_id>/", review.cluster_detail, name="cluster_detail"),
    path("datasets/<int:dataset_id>/clusters/<int:cluster_id>/take/", review.cluster_take, name="cluster_take"),
    path(
        "datasets/<int:dataset_id>/clusters/<int:cluster_id>/decide/",
        review.cluster_decide,
        name="cluster_decide",
    ),
    path(
        "datasets/<int:dataset_id>/clusters/<int:cluster_id>/beside/", clusters.cluster_beside, name="cluster_beside"
    ),
    path("datasets/<int:dataset_id>/clusters/<int:cluster_id>/split/", clusters.cluster_split, name="cluster_split"),
    path("datasets/<int:dataset_id>/clusters/<int:cluster_id>/merge/", clusters.cluster_merge, name="cluster_merge"),
    path("datasets/<int:dataset_id>/noise/", noise.noise_gallery, name="noise_gallery"),
    path("datasets/<int:dataset_id>/noise/decide/", noise.noise_decide, name="noise_decide"),
    path("datasets/<int:dataset_id>/faces/<int:position>/", faces.face_detail, name="face_detail"),
    path("datasets/<int:dataset_id>/faces/<int:position>/decide/", faces.face_decide, name="face_decide"),
    path("datasets/<int:dataset_id>/faces/<int:position>/panel/", faces.face_panel, name="face_panel"),
    path("datasets/<int:dataset_id>/faces/<int:position>/strip/", faces.face_strip, name="face_strip"),
    path("datasets/<int:dataset_id>/faces/<int:position>/neutral/", faces.face_neutral, name="face_neutral"),
    path("datasets/<int:dataset_id>/clips/<int:clip_id>/", faces.clip_frame, name="clip_frame"),
    path("datasets/<int:dataset_id>/clips/<int:clip_id>/film/", faces.clip_film, name="clip_film"),
    # any selection of faces
    path("datasets/<int:dataset_id>/selections/", selections.selection_create, name="selection_create"),
    path("datasets/<int:dataset_id>/faces/", face_lists.face_list, name="face_list"),
    path("datasets/<int:dataset_id>/faces/grid/decide/", face_lists.grid_decide, name="grid_decide"),
    path("datasets/<int:dataset_id>/faces/consequences/", relabelling.faces_consequences, name="faces_consequences"),
    path("datasets/<int:dataset_id>/faces/decide/", relabelling.faces_decide, name="faces_decide"),
    path("datasets/<int:dataset_id>/distributions/", distributions.distributions_page, name="distributions"),
    # the map
    path("datasets/<int:dataset_id>/map/", map.map_page, name="map"),
    path("datasets/<int:dataset_id>/map/points/", map.map_points, name="map_points"),
    path("datasets/<int:dataset_id>/map/colours/", map.map_colour_values, name="map_colours"),
    path("datasets/<int:dataset_id>/map/positions/", map.map_positions, name="map_positions"),
    path("datasets/<int:dataset_id>/map/faces/<int:position>/", map.map_face, name="map_face"),
    # imports
    path("datasets/<int:dataset_id>/import/", imports.import_list, name="import_list"),
    path("datasets/<int:dataset_id>/import/new/", imports.import_create, name="import_create"),
    path("datasets/<int:dataset_id>/import/<int:batch_id>/", imports.import_detail, name="import_detail"),
    path(
        "datasets/<int:dataset_id>/import/<int:batch_id>/columns/",
        imports.import_mapping,
        name="import_mapping",
    ),
    path("datasets/<int:dataset_id>/import/<int:batch_id>/check/", imports.import_check, name="import_check"),
    path(
        "datasets/<int:dataset_id>/import/<int:batch_id>/matches/",
        imports.import_matches,
        name="import_matches",
    ),
    path("datasets/<int:dataset_id>/import/<int:batch_id>/start/", imports.import_start, name="import_start"),
    path(
        "datasets/<int:dataset_id>/import/<int:batch_id>/discard/",
        imports.import_discard,
        name="import_discard",
    ),
    path(
        "datasets/<int:dataset_id>/import/<int:batch_id>/problems/",
        imports.import_problems,
        name="import_problems",
    ),
    # pictures
    path("datasets/<int:dataset_id>/pictures/<str:key>", media.face_picture, name="face_picture"),
    path("datasets/<int:dataset_id>/thumbnails/<str:key>", media.face_thumbnail, name="face_thumbnail"),
    # exports
    path("datasets/<int:dataset_id>/exports/", exports.export_list, name="export_list"),
    path("datasets/<int:dataset_id>/exports/create/", exports.export_create, name="export_create"),
    path("datasets/<int:dataset_id>/exports/<int:export_id>/", exports.export_detail, name="export_detail"),
    path(
        "datasets/<int:dataset_id>/exports/<int:export_id>/table/",
        exports.export_download,
        name="export_download",
    ),
    path(
        "datasets/<int:dataset_id>/exports/<int:export_id>/dictionary/",
        exports.export_dictionary,
        name="export_dictionary",
    ),
    # for whoever watches the server
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
